using Covol.Coordinator;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Covol.Transport;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>What takes no room reads as zero, gets room when it is written, and gives it back when it is told to.</summary>
public sealed class FilesWithHoles
{
    private const int Cluster = ModelVolume.Cluster;
    private const int Granule = 64 << 10;
    private const int Size = 2 << 20;

    [Fact]
    public async Task A_file_that_is_made_longer_takes_no_room_and_reads_as_zero()
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        var free = world.Volume.Free.Count;
        var (file, _) = await client.CreateAsync("disk.raw");

        await client.AskAsync<Entry>(new SetSize(file, new ByteCount(1L << 30)));

        world.Volume.Free.Count.ShouldBe(free);
        (await client.AttributesAsync(file)).Allocated.Value.ShouldBe(0);
        (await client.ReadAsync(file, 1L << 29, 1_000)).ShouldBe(new byte[1_000]);
    }

    [Fact]
    public async Task A_write_far_behind_the_end_leaves_a_hole()
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(5_000, 1));

        await client.WriteAsync(file, Size + 300, RedirectedData.Pattern(5_000, 2));

        world.Volume.Map(file).Allocated.Value.ShouldBe((2 * Cluster) + Granule);
        (await client.AttributesAsync(file)).Size.Value.ShouldBe(Size + 5_300);
        (await client.ReadAsync(file, 0, 10_000)).ShouldBe([.. RedirectedData.Pattern(5_000, 1), .. new byte[5_000]]);
        (await client.ReadAsync(file, Size - 1_000, 10_000)).ShouldBe([.. new byte[1_300], .. RedirectedData.Pattern(5_000, 2)]);
        (await client.AskAsync<DataFound>(new FindData(file, new FileByteOffset(0), Hole: true))).Offset!.Value.Value.ShouldBe(2 * Cluster);
        (await client.AskAsync<DataFound>(new FindData(file, new FileByteOffset(10_000), Hole: false))).Offset!.Value.Value.ShouldBe(Size);
    }

    [Theory]
    [InlineData(Cluster * 40, Cluster)]
    [InlineData((Cluster * 40) + 100, 50)]
    [InlineData((Cluster * 40) - 100, 200)]
    [InlineData(Size - 100, 300)]
    public async Task What_is_around_a_write_into_a_hole_is_zero(int offset, int length)
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        var file = await HoleyAsync(client);

        await client.WriteAsync(file, offset, RedirectedData.Pattern(length, 3));

        var expected = new byte[Size + Cluster + 300];
        RedirectedData.Pattern(Cluster, 1).CopyTo(expected, 0);
        RedirectedData.Pattern(Cluster, 2).CopyTo(expected, Size);
        RedirectedData.Pattern(length, 3).CopyTo(expected, offset);
        for (var at = 0; at < Size + Cluster; at += Granule)
        {
            var read = await client.ReadAsync(file, at, Granule);
            read.ShouldBe(expected[at..Math.Min(at + Granule, Size + Cluster)], $"from {at}");
        }

        world.Volume.Map(file).Allocated.Value.ShouldBeLessThan(Size);
    }

    [Fact]
    public async Task Without_zeroes_a_filled_hole_shows_what_was_there_before()
    {
        await using var world = await StartAsync(new CoordinatorOptions { ZeroesFilledHoles = false });
        var client = await world.ClientAsync(1);
        var file = await HoleyAsync(client);

        await client.WriteAsync(file, Cluster * 40, RedirectedData.Pattern(Cluster, 3));

        (await client.ReadAsync(file, Cluster * 41, 10)).ShouldBe([.. Enumerable.Repeat(ArrayLun.Old, 10)]);
    }

    [Fact]
    public async Task A_crash_while_a_hole_is_filled_leaves_the_hole()
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        var file = await HoleyAsync(client);
        var handle = await client.OpenAsync(file);
        var commits = 0;
        world.Volume.BeforeCommit = () =>
        {
            if (++commits > 1)
            {
                throw new InvalidOperationException("The power is gone.");
            }
        };
        await Should.ThrowAsync<ConnectionLostException>(() => client.WriteAsync(file, Cluster * 40, RedirectedData.Pattern(Cluster, 3)));
        commits.ShouldBe(2);
        world.Volume.BeforeCommit = null;

        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], null));
        await client.AskAsync<Done>(new ReclaimComplete());

        (await client.ReadAsync(file, Cluster * 32, Granule)).ShouldBe(new byte[Granule]);
    }

    [Fact]
    public async Task A_layout_tells_nothing_of_holes_and_after_they_are_filled_it_does()
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        var file = await HoleyAsync(client);

        var layout = await client.LayoutAsync(file);
        layout.ValidLength.Value.ShouldBe(Size + Cluster);
        layout.Extents[0].Length.Value.ShouldBe(Cluster);
        layout.Extents[1].FileStart.Value.ShouldBe(Size);

        await client.WriteAsync(file, Granule * 4, RedirectedData.Pattern(Granule, 3));
        client.Notices.OfType<RecallLayout>().ShouldBeEmpty();
        (await client.LayoutAsync(file)).Extents.ShouldContain(extent => extent.FileStart.Value == Granule * 4);
    }

    [Fact]
    public async Task A_hole_that_is_made_gives_room_back_and_the_rest_stays()
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        var data = RedirectedData.Pattern(20 * Cluster, 1);
        await client.WriteAsync(file, 0, data);
        var free = world.Volume.Free.Count;

        await client.AskAsync<Done>(Punch(file, 5_000, 10 * Cluster));

        data.AsSpan(5_000, 10 * Cluster).Clear();
        (await client.ReadAsync(file, 0, 20 * Cluster)).ShouldBe(data);
        (world.Volume.Free.Count - free).ShouldBe(9);
        (await client.AttributesAsync(file)).Size.Value.ShouldBe(20 * Cluster);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_hole_is_made_after_the_recall_and_without_it_clusters_go_that_are_written(bool recalls)
    {
        await using var world = await StartAsync(new CoordinatorOptions { RecallsLayouts = recalls });
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        holder.AnswersRecalls = false;
        var (file, _) = await holder.CreateAsync("disk.raw");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(10 * Cluster, 1));
        var layout = await holder.LayoutAsync(file);
        var free = world.Volume.Free.Count;

        var punched = other.AskAsync<Done>(Punch(file, 0, 10 * Cluster));
        await world.UntilAsync(() => punched.IsCompleted || holder.Notices.OfType<RecallLayout>().Any());

        punched.IsCompleted.ShouldBe(!recalls);
        (world.Volume.Free.Count - free).ShouldBe(recalls ? 0 : 10);
        await holder.AskAsync<Done>(new ReturnLayout(file, layout.Generation));
        await punched;
        (world.Volume.Free.Count - free).ShouldBe(10);
        (await other.ReadAsync(file, 0, 10 * Cluster)).ShouldBe(new byte[10 * Cluster]);
    }

    [Fact]
    public async Task Room_is_made_where_it_was_asked_for_and_reads_as_zero()
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        var file = await HoleyAsync(client);

        await client.AskAsync<Done>(Room(file, AllocationMode.KeepSize, Size - (20 * Cluster), 10 * Cluster));
        await client.AskAsync<Done>(Room(file, AllocationMode.Extend, Size + (30 * Cluster), 10 * Cluster));
        await client.AskAsync<Done>(Room(file, AllocationMode.ZeroRange, 100, 20 * Cluster));

        var map = world.Volume.Map(file);
        map.Size.Value.ShouldBe(Size + (40 * Cluster));
        (await client.ReadAsync(file, Size - (20 * Cluster), 20 * Cluster)).ShouldBe(new byte[20 * Cluster]);
        (await client.ReadAsync(file, 0, 2 * Cluster)).ShouldBe([.. RedirectedData.Pattern(Cluster, 1)[..100], .. new byte[(2 * Cluster) - 100]]);
        map.Extents.Any(extent => extent.FileStart.Value == Size + (30 * Cluster) && extent.Length.Value == 10 * Cluster).ShouldBeTrue();
        (await client.RefusalAsync(Room(file, AllocationMode.Extend, 0, 1L << 40))).ShouldBe(VolumeError.NoSpace);
        (await client.AttributesAsync(file)).Size.Value.ShouldBe(Size + (40 * Cluster));
    }

    [Fact]
    public async Task An_append_to_a_file_that_ends_in_a_hole_is_at_its_end()
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("log");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(100, 1));
        await client.AskAsync<Entry>(new SetSize(file, new ByteCount(1_000_001)));

        (await client.AppendAsync(file, RedirectedData.Pattern(100, 2))).Offset.Value.ShouldBe(1_000_001);

        (await client.ReadAsync(file, 999_901, 1_000)).ShouldBe([.. new byte[100], .. RedirectedData.Pattern(100, 2)]);
        (await client.ReadAsync(file, 0, 200)).ShouldBe([.. RedirectedData.Pattern(100, 1), .. new byte[100]]);
        world.Volume.Map(file).Allocated.Value.ShouldBeLessThan(300_000);
    }

    private static async Task<CoordinatorWorld> StartAsync(CoordinatorOptions? options = null)
    {
        var world = await CoordinatorWorld.StartAsync(options);
        world.Volume.HasHoles = true;
        return world;
    }

    /// <summary>A cluster of data, nearly 2 MiB of nothing, a cluster of data: all of it valid.</summary>
    private static async Task<FileId> HoleyAsync(TestClient client)
    {
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(Cluster, 1));
        await client.WriteAsync(file, Size, RedirectedData.Pattern(Cluster, 2));
        return file;
    }

    private static Allocate Punch(FileId file, long offset, long length) => Room(file, AllocationMode.PunchHole, offset, length);

    private static Allocate Room(FileId file, AllocationMode mode, long offset, long length) =>
        new(file, mode, new FileByteOffset(offset), new ByteCount(length));
}
