using Covol.Coordinator;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>Holes that are filled while a layout lives are told under the same grant, and who fills them in a row finds more filled.</summary>
public sealed class WiderLayouts
{
    private const int Cluster = ModelVolume.Cluster;
    private const int Granule = 64 << 10;
    private const int Size = 2 << 20;

    [Fact]
    public async Task A_filled_hole_is_told_under_the_same_grant_and_a_recall_of_it_covers_that_too()
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        client.AnswersRecalls = false;
        var file = await HoleyAsync(client);
        var layout = await client.LayoutAsync(file);
        await client.WriteAsync(file, Granule * 4, RedirectedData.Pattern(Granule, 3));
        var checkpoints = world.Volume.Checkpoints;

        var wider = (await client.AskAsync<LayoutGranted>(Wider(layout))).Layout.ShouldNotBeNull();

        wider.Generation.ShouldBe(layout.Generation);
        wider.Access.ShouldBe(LayoutAccess.ReadWrite);
        wider.Extents.ShouldContain(extent => extent.FileStart.Value == Granule * 4 && extent.Length.Value == Granule);
        world.Volume.Checkpoints.ShouldBeGreaterThan(checkpoints, "No replay may write there any more.");
        var punch = client.AskAsync<Done>(new Allocate(file, AllocationMode.PunchHole, new FileByteOffset(Granule * 4), new ByteCount(Granule)));
        await world.UntilAsync(() => client.Notices.OfType<RecallLayout>().Any(recall => recall.Generation == layout.Generation));
        punch.IsCompleted.ShouldBeFalse();
        await client.AskAsync<Done>(new ReturnLayout(file, layout.Generation), slot: 1);
        await punch;
    }

    [Fact]
    public async Task A_grant_that_has_ended_or_is_anothers_is_not_made_wider()
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var file = await HoleyAsync(client);
        var layout = await client.LayoutAsync(file);

        (await other.AskAsync<LayoutGranted>(Wider(layout))).Layout.ShouldBeNull();
        (await client.AskAsync<LayoutGranted>(Wider(layout) with { Access = LayoutAccess.Read })).Layout.ShouldBeNull();
        (await client.AskAsync<LayoutGranted>(Wider(layout))).Layout.ShouldNotBeNull();
        await client.AskAsync<Done>(new ReturnLayout(file, layout.Generation));
        (await client.AskAsync<LayoutGranted>(Wider(layout))).Layout.ShouldBeNull();
    }

    [Fact]
    public async Task Who_fills_a_hole_in_a_row_finds_as_much_filled_as_lies_before()
    {
        await using var world = await StartAsync(clusters: 24 << 10);
        var client = await world.ClientAsync(1);
        var file = await HoleyAsync(client);

        for (var at = Cluster; at < Size; at += Cluster)
        {
            await client.WriteAsync(file, at, RedirectedData.Pattern(Cluster, at));
        }

        // 64 KiB, then 64, 128, 256 KiB and so on up to 2 MiB: six times; a granule at a time it would be thirty-two times.
        world.Volume.Fills.ShouldBe(6);
        (await client.ReadAsync(file, Size - Cluster, Cluster)).ShouldBe(RedirectedData.Pattern(Cluster, Size - Cluster));
    }

    [Fact]
    public async Task Scattered_writes_fill_only_what_is_around_them()
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        var file = await HoleyAsync(client);

        await client.WriteAsync(file, Granule * 8, RedirectedData.Pattern(Cluster, 3));
        await client.WriteAsync(file, Granule * 20, RedirectedData.Pattern(Cluster, 4));

        world.Volume.Map(file).Extents.Where(extent => extent.FileEnd.Value <= Size && extent.FileStart.Value > 0)
            .Select(extent => (extent.FileStart.Value, extent.Length.Value)).ShouldBe([(Granule * 8, Granule), (Granule * 20, Granule)]);
    }

    [Fact]
    public async Task On_a_volume_that_is_nearly_full_a_write_fills_only_what_it_needs()
    {
        await using var world = await StartAsync();
        var client = await world.ClientAsync(1);
        var file = await HoleyAsync(client);
        var (rest, _) = await client.CreateAsync("rest");
        var filled = 0;
        while (world.Volume.Free.Count > 12)
        {
            var length = Math.Min(Granule, (world.Volume.Free.Count - 10) * Cluster);
            await client.WriteAsync(rest, filled, RedirectedData.Pattern(length, 9));
            filled += length;
        }

        await client.WriteAsync(file, Granule * 8, RedirectedData.Pattern(Cluster, 3));

        (await client.ReadAsync(file, Granule * 8, Cluster)).ShouldBe(RedirectedData.Pattern(Cluster, 3));
    }

    [Fact]
    public async Task Of_a_file_in_more_pieces_than_are_told_at_once_those_around_what_is_wanted_are_told()
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { PlacesMax = 4 });
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("first");
        var (other, _) = await client.CreateAsync("second");
        for (var piece = 0; piece < 12; piece++)
        {
            await client.WriteAsync(file, piece * Cluster, RedirectedData.Pattern(Cluster, piece));
            await client.WriteAsync(other, piece * Cluster, RedirectedData.Pattern(Cluster, piece));
        }

        var whole = world.Volume.Map(file).Extents;
        whole.Count.ShouldBeGreaterThan(8);

        var layout = await client.LayoutAsync(file);
        layout.IsPart.ShouldBeTrue();
        layout.ValidLength.Value.ShouldBe(12 * Cluster);
        layout.Extents.ShouldBe(whole.Take(4));
        var middle = await client.AskAsync<LayoutGranted>(Wider(layout) with { From = new FileByteOffset((5 * Cluster) + 100) });
        middle.Layout.ShouldNotBeNull().Extents.ShouldContain(extent => extent.FileStart.Value <= 5 * Cluster && extent.FileEnd.Value > 5 * Cluster);
        middle.Layout!.Extents.Count.ShouldBe(4);
        var end = await client.AskAsync<LayoutGranted>(Wider(layout) with { From = new FileByteOffset(1L << 40) });
        end.Layout.ShouldNotBeNull().Extents.ShouldBe(whole.Skip(whole.Count - 4));
    }

    private static GetLayout Wider(Layout layout) => new(layout.File, layout.Access, Extends: layout.Generation);

    private static async Task<CoordinatorWorld> StartAsync(int clusters = 1024)
    {
        var world = await CoordinatorWorld.StartAsync(null, clusters);
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
}
