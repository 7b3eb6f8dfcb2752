using Covol.Protocol.Files;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

public sealed class RedirectedData
{
    [Fact]
    public async Task A_redirected_write_waits_until_no_replay_can_go_over_it()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("plain.txt");
        var before = world.Volume.Checkpoints;

        await client.WriteAsync(file, 0, Pattern(10_000, 1));

        world.Volume.Checkpoints.ShouldBeGreaterThan(before);
    }

    [Fact]
    public async Task What_one_node_writes_another_reads()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var writer = await world.ClientAsync(1);
        var reader = await world.ClientAsync(2);
        var (file, _) = await writer.CreateAsync("disk.raw");

        await writer.WriteAsync(file, 0, Pattern(10_000, 1));

        (await reader.ReadAsync(file, 0, 20_000)).ShouldBe(Pattern(10_000, 1));
        (await reader.ReadAsync(file, 777, 100)).ShouldBe(Pattern(10_000, 1)[777..877]);
        (await reader.AttributesAsync(file)).Size.Value.ShouldBe(10_000);
    }

    [Fact]
    public async Task A_write_past_the_valid_length_leaves_zeroes_between()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, Pattern(100, 1));

        await client.WriteAsync(file, 50_001, Pattern(99, 2));

        var all = await client.ReadAsync(file, 0, 60_000);
        all.Length.ShouldBe(50_100);
        all[..100].ShouldBe(Pattern(100, 1));
        all[100..50_001].ShouldAllBe(value => value == 0);
        all[50_001..].ShouldBe(Pattern(99, 2));
    }

    [Fact]
    public async Task A_grown_file_reads_as_zeroes_and_never_as_what_the_clusters_held()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");

        await client.AskAsync<Entry>(new SetSize(file, new ByteCount(9_000)));

        (await client.ReadAsync(file, 0, 10_000)).ShouldBe(new byte[9_000]);
    }

    [Theory]
    [InlineData(300_000, 1)]
    [InlineData(300_000, 100_000)]
    [InlineData(102_400, 4_096)]
    [InlineData(899_999, 100_000)]
    public async Task Blocks_after_the_one_that_valid_length_ends_in_read_as_zeroes(int offset, int length)
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, Pattern(100_001, 1));
        await client.AskAsync<Entry>(new SetSize(file, new ByteCount(900_000)));

        (await client.ReadAsync(file, offset, length)).ShouldBe(new byte[Math.Min(length, 900_000 - offset)]);
    }

    [Fact]
    public async Task Cutting_and_growing_again_shows_zeroes()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, Pattern(40_000, 1));

        await client.AskAsync<Entry>(new SetSize(file, new ByteCount(1_000)));
        await client.AskAsync<Entry>(new SetSize(file, new ByteCount(30_000)));
        await client.WriteAsync(file, 20_000, Pattern(10, 3));

        var all = await client.ReadAsync(file, 0, 40_000);
        all[..1_000].ShouldBe(Pattern(40_000, 1)[..1_000]);
        all[1_000..20_000].ShouldAllBe(value => value == 0);
        all[20_000..20_010].ShouldBe(Pattern(10, 3));
        all.Length.ShouldBe(30_000);
    }

    [Fact]
    public async Task Random_writes_give_what_an_array_gives()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        var expected = Array.Empty<byte>();
        var random = new Random(17);

        for (var step = 0; step < 300; step++)
        {
            var offset = random.Next(0, 60_000);
            var data = Pattern(random.Next(1, 9_000), step);
            switch (random.Next(6))
            {
                case 0:
                    var size = random.Next(0, 60_000);
                    await client.AskAsync<Entry>(new SetSize(file, new ByteCount(size)));
                    Array.Resize(ref expected, size);
                    break;
                case 1:
                    (await client.AppendAsync(file, data)).Offset.Value.ShouldBe(expected.Length);
                    offset = expected.Length;
                    Array.Resize(ref expected, offset + data.Length);
                    data.CopyTo(expected, offset);
                    break;
                case 2 when offset < expected.Length:
                    var length = Math.Min(data.Length, expected.Length - offset);
                    await client.AskAsync<Done>(
                        new Allocate(file, AllocationMode.ZeroRange, new FileByteOffset(offset), new ByteCount(length)));
                    expected.AsSpan(offset, length).Clear();
                    break;
                default:
                    await client.WriteAsync(file, offset, data);
                    Array.Resize(ref expected, Math.Max(expected.Length, offset + data.Length));
                    data.CopyTo(expected, offset);
                    break;
            }

            (await client.ReadAsync(file, 0, 100_000)).ShouldBe(expected);
        }
    }

    [Fact]
    public async Task Two_appenders_never_overlap()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var first = await world.ClientAsync(1);
        var second = await world.ClientAsync(2);
        var (file, _) = await first.CreateAsync("log");

        var appends = Enumerable.Range(0, 40)
            .Select(index => (index % 2 == 0 ? first : second).AppendAsync(file, Pattern(100 + index, index), slot: index))
            .ToList();
        var written = await Task.WhenAll(appends);

        var all = await first.ReadAsync(file, 0, 100_000);
        all.Length.ShouldBe(Enumerable.Range(0, 40).Sum(index => 100 + index));
        for (var index = 0; index < written.Length; index++)
        {
            var at = (int)written[index].Offset.Value;
            all[at..(at + 100 + index)].ShouldBe(Pattern(100 + index, index));
        }
    }

    [Fact]
    public async Task Data_is_flushed_before_the_record_that_shows_it()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.AskAsync<Entry>(new SetSize(file, new ByteCount(8_192)));
        var order = new List<string>();
        var flushesBefore = world.Lun.Flushes;
        world.Lun.BeforeWrite = (_, _) => order.Add("data");
        world.Volume.BeforeCommit = () => order.Add($"commit after {world.Lun.Flushes - flushesBefore} flushes");

        await client.WriteAsync(file, 0, Pattern(4_096, 1));

        order.ShouldBe(["data", "commit after 1 flushes"]);
    }

    [Fact]
    public async Task A_write_clears_the_set_user_id_bit_when_asked()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("program");
        await client.AskAsync<Entry>(new SetAttributes(file, new AttributeChange { Mode = 0xDED }));

        await client.AskAsync<DataWritten>(new WriteData(file, default, Append: false, ClearSetId: true), data: Pattern(10, 1));

        (await client.AttributesAsync(file)).Mode.ShouldBe(0x1ED);
    }

    [Fact]
    public async Task A_full_volume_refuses_and_the_file_stays_as_it_was()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, Pattern(100, 1));

        var error = await client.RefusalAsync(new SetSize(file, new ByteCount(1L << 30)));

        error.ShouldBe(VolumeError.NoSpace);
        (await client.AttributesAsync(file)).Size.Value.ShouldBe(100);
        world.FailedBecause.ShouldBeNull();
    }

    internal static byte[] Pattern(int length, int seed)
    {
        var data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }
}
