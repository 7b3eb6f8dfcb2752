using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>Files that grow while they are written get clusters before they need them.</summary>
public sealed class GrowingFiles
{
    private const int Begun = 300_000;
    private const int Block = 4_096;

    [Fact]
    public async Task A_file_that_grows_pays_one_commit_a_write()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("log");
        await GrowAsync(client, file, 1);
        var before = world.Volume.Commits;

        for (var write = 1; write <= 40; write++)
        {
            await client.WriteAsync(file, Begun + (write * Block), RedirectedData.Pattern(Block, write));
        }

        (world.Volume.Commits - before).ShouldBeLessThan(50);
        (await client.AttributesAsync(file)).Size.Value.ShouldBe(Begun + (41 * Block));
        (await client.ReadAsync(file, Begun + (40 * Block), 2 * Block)).ShouldBe(RedirectedData.Pattern(Block, 40));
    }

    [Fact]
    public async Task Spare_clusters_are_given_back_at_the_last_close()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var free = world.Volume.Free.Count;
        var (file, handle) = await client.CreateAsync("log");
        await GrowAsync(client, file, 1);
        world.Volume.Map(file).Allocated.Value.ShouldBeGreaterThan(Begun + (2 * Block));

        await client.AskAsync<Done>(new Close(handle));

        await world.UntilAsync(() => world.Volume.Free.Count == free - ((Begun + (2 * Block)) / Block));
        (await client.AttributesAsync(file)).Size.Value.ShouldBe(Begun + Block);
    }

    [Fact]
    public async Task A_crash_leaves_no_file_longer_than_its_data_and_the_spare_goes_at_its_next_close()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, handle) = await client.CreateAsync("log");
        await GrowAsync(client, file, 1);

        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], null));
        await client.AskAsync<Done>(new ReclaimComplete());

        var map = world.Volume.Map(file);
        map.Size.Value.ShouldBe(Begun + Block);
        map.Allocated.Value.ShouldBeGreaterThan(Begun + (2 * Block));
        (await client.ReadAsync(file, Begun, 2 * Block)).ShouldBe(RedirectedData.Pattern(Block, 1));
        await client.AskAsync<Done>(new Close(handle));
        await world.UntilAsync(() => world.Volume.Map(file).Allocated.Value < Begun + (2 * Block));
    }

    [Fact]
    public async Task A_writer_that_is_refused_for_want_of_room_makes_others_give_their_spare_back()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (log, _) = await client.CreateAsync("log");
        await GrowAsync(client, log, 1);
        var (big, _) = await client.CreateAsync("big");
        var wanted = new ByteCount((world.Volume.Free.Count + 1) * (long)ModelVolume.Cluster);

        (await client.RefusalAsync(new SetSize(big, wanted))).ShouldBe(VolumeError.NoSpace);

        await world.UntilAsync(() => world.Volume.Map(log).Allocated.Value < Begun + (2 * Block));
        await client.AskAsync<Entry>(new SetSize(big, wanted));
    }

    /// <summary>A first write of the file, then one that makes it grow.</summary>
    private static async Task GrowAsync(TestClient client, FileId file, int seed)
    {
        await client.WriteAsync(file, 0, RedirectedData.Pattern(Begun, 0));
        await client.WriteAsync(file, Begun, RedirectedData.Pattern(Block, seed));
    }
}
