using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>Small files, in their MFT record or in the journal, with the real engine below the coordinator.</summary>
public sealed class SmallFilesInTheEngine
{
    [Theory]
    [InlineData(0, 10)]
    [InlineData(95, 5)]
    [InlineData(90, 30)]
    public async Task A_file_in_its_MFT_record_is_written_after_somebody_looked_where_it_has_data(int offset, int length)
    {
        await using var world = await EngineWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("small");
        var content = RedirectedData.Pattern(100, 1);
        await client.WriteAsync(file, 0, content);
        await client.AskAsync<DataFound>(new FindData(file, FileByteOffset.Zero, Hole: false));

        await client.WriteAsync(file, offset, RedirectedData.Pattern(length, 2));

        world.FailedBecause.ShouldBeNull();
        byte[] expected = [.. content[..offset], .. RedirectedData.Pattern(length, 2), .. content[Math.Min(100, offset + length)..]];
        (await client.ReadAsync(file, 0, 200)).ShouldBe(expected);
    }

    [Fact]
    public async Task A_file_that_was_made_long_in_its_MFT_record_is_written_inside()
    {
        await using var world = await EngineWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("small");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(10, 1));
        await client.AskAsync<Entry>(new SetSize(file, new ByteCount(100)));

        await client.WriteAsync(file, 50, RedirectedData.Pattern(10, 2));

        world.FailedBecause.ShouldBeNull();
        byte[] expected = [.. RedirectedData.Pattern(10, 1), .. new byte[40], .. RedirectedData.Pattern(10, 2), .. new byte[40]];
        (await client.ReadAsync(file, 0, 200)).ShouldBe(expected);
    }
}
