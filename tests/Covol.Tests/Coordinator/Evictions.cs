using Covol.Coordinator;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Ownership;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Covol.Transport;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>What a coordinator does about nodes that the cluster has evicted.</summary>
public sealed class Evictions
{
    [Fact]
    public async Task Grace_ends_when_every_living_session_has_reclaimed_and_the_dead_ones_key_is_fenced()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var dead = await world.ClientAsync(1);
        var living = await world.ClientAsync(2);
        var (file, handle) = await dead.CreateAsync("disk.raw");
        var other = await living.OpenAsync(file);
        await dead.AskAsync<Done>(Lock(file, handle));
        await world.TakeOverAsync();
        await living.MoveToAsync(world.Coordinator);

        await world.Coordinator.EvictAsync(dead.Node, KeyLayout.Incarnation(dead.DataKey));
        (await PhaseAsync(world)).ShouldBe(CoordinatorPhase.Grace);
        await living.AskAsync<Done>(new ReclaimHandle(file, other, OpenAccess.ReadWrite, [], null));
        await living.AskAsync<Done>(new ReclaimComplete());

        // The clock has not moved: nobody waited for the dead one's time to reclaim.
        (await PhaseAsync(world)).ShouldBe(CoordinatorPhase.Serving);
        world.Lun.Fenced.ShouldBe([dead.DataKey]);
        await living.AskAsync<Done>(Lock(file, other));
    }

    [Fact]
    public async Task Grace_goes_on_while_the_evicted_nodes_key_is_not_fenced()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var dead = await world.ClientAsync(1);
        var living = await world.ClientAsync(2);
        await world.TakeOverAsync();
        await living.MoveToAsync(world.Coordinator);
        world.Lun.FenceMayEnd.Reset();

        var evicted = world.Coordinator.EvictAsync(dead.Node, KeyLayout.Incarnation(dead.DataKey));
        await living.AskAsync<Done>(new ReclaimComplete());
        await world.UntilAsync(() => world.Lun.FencesBegun > 0);
        (await PhaseAsync(world)).ShouldBe(CoordinatorPhase.Grace);
        world.Lun.FenceMayEnd.Set();
        await evicted;

        (await PhaseAsync(world)).ShouldBe(CoordinatorPhase.Serving);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_next_coordinator_frees_nothing_while_an_evicted_node_may_read_it_and_its_control_does(bool guarded)
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { KeepsLeasesOverTakeover = guarded });
        var dead = await world.ClientAsync(1);
        var living = await world.ClientAsync(2);
        var (file, handle) = await living.CreateAsync("disk.raw");
        await living.WriteAsync(file, 0, RedirectedData.Pattern(40_960, 1));
        await dead.LayoutAsync(file);

        await world.Coordinator.EvictAsync(dead.Node, KeyLayout.Incarnation(dead.DataKey));
        await TakeOverAsync(world, living, file, handle);
        var waited = await CutAsync(world, living, file, 20_480, waits: guarded);
        await TakeOverAsync(world, living, file, handle);
        await CutAsync(world, living, file, 0, waits: false);

        (waited >= new CoordinatorOptions().Layouts.Lease).ShouldBe(guarded);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_session_that_is_evicted_while_it_is_resumed_under_a_new_key_does_not_come_back_and_its_control_does(bool guarded)
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { RefusesEndedResumption = guarded });
        var client = await world.ClientAsync(1);
        var old = client.DataKey;
        world.Lun.FenceMayEnd.Reset();
        var next = KeyLayout.DataKey(1, client.Node, KeyLayout.Incarnation(old) + 1);
        var resuming = client.SendAsync(
            new RequestId(default, 0, 0), new OpenSession(client.Node, client.MountId, next, 64, client.Session.Session));
        await world.UntilAsync(() => world.Lun.FencesBegun == 1);

        var evicted = world.Coordinator.EvictAsync(client.Node, KeyLayout.Incarnation(old));
        world.Lun.FenceMayEnd.Set();
        await evicted;
        if (!guarded)
        {
            (await resuming).Reply.ShouldBeOfType<SessionOpened>();
            return;
        }

        (await resuming).Reply.ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.SessionUnknown);
        (await world.Coordinator.GetStateAsync()).Sessions.ShouldBe(0);
        await world.TakeOverAsync();
        (await PhaseAsync(world)).ShouldBe(CoordinatorPhase.Serving, "The journal names no session that could reclaim.");
    }

    [Fact]
    public async Task The_new_key_of_a_session_that_is_evicted_while_it_is_resumed_is_fenced_too()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        world.Lun.FenceMayEnd.Reset();
        var (next, resuming) = Resume(world, client);
        await world.UntilAsync(() => world.Lun.FencesBegun == 1);

        var evicted = world.Coordinator.EvictAsync(client.Node, KeyLayout.Incarnation(client.DataKey));
        world.Lun.FenceMayEnd.Set();
        await evicted;

        (await resuming).Reply.ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.SessionUnknown);
        world.Lun.ReadKeys().ShouldNotContain(next);
    }

    [Fact]
    public async Task A_session_that_is_evicted_just_after_it_came_back_has_no_key_left()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (next, resuming) = Resume(world, client);
        (await resuming).Reply.ShouldBeOfType<SessionOpened>();

        // The clock has not moved, so the lease of its old life still runs.
        await world.Coordinator.EvictAsync(client.Node, KeyLayout.Incarnation(next));

        world.Lun.ReadKeys().ShouldNotContain(next);
        (await world.Coordinator.GetStateAsync()).Sessions.ShouldBe(0);
    }

    [Fact]
    public async Task An_evicted_key_opens_no_session_and_a_later_one_does_and_outlives_the_order_told_again()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var incarnation = KeyLayout.Incarnation(client.DataKey);
        await world.Coordinator.EvictAsync(client.Node, incarnation);

        (await OpenAsync(world, client.DataKey)).ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.SessionUnknown);
        var later = new ReservationKey(client.DataKey.Value + (1 << 4));
        (await OpenAsync(world, later)).ShouldBeOfType<SessionOpened>();
        await world.Coordinator.EvictAsync(client.Node, incarnation);

        (await world.Coordinator.GetStateAsync()).Sessions.ShouldBe(1);
        world.Lun.Fenced.ShouldNotContain(later);
    }

    [Fact]
    public async Task A_lock_waits_for_the_fence_of_a_session_that_was_evicted_in_grace()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var silent = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, handle) = await other.CreateAsync("disk.raw");
        await world.TakeOverAsync();
        await other.MoveToAsync(world.Coordinator);
        await other.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], null));
        await other.AskAsync<Done>(new ReclaimComplete());
        world.Lun.FenceMayEnd.Reset();
        var evicted = world.Coordinator.EvictAsync(silent.Node, KeyLayout.Incarnation(silent.DataKey));
        await world.UntilAsync(() => world.Lun.FencesBegun == 1);
        world.Time.Advance(TimeSpan.FromSeconds(6));
        await world.UntilStateAsync(state => state.Phase == CoordinatorPhase.Serving);
        var wanted = new SetLock(
            file, handle, new LockOwner(9), 1, LockKind.Flock, LockMode.Exclusive, LockRange.All, Wait: false);

        (await other.RefusalAsync(wanted)).ShouldBe(VolumeError.InGrace);

        world.Lun.FenceMayEnd.Set();
        await evicted;
        await other.AskAsync<Done>(wanted);
    }

    [Fact]
    public async Task An_eviction_of_a_node_without_sessions_is_done_at_once()
    {
        await using var world = await CoordinatorWorld.StartAsync();

        await world.Coordinator.EvictAsync(new NodeId(3), 7);

        world.Lun.FencesBegun.ShouldBe(0);
        (await PhaseAsync(world)).ShouldBe(CoordinatorPhase.Serving);
    }

    private static SetLock Lock(FileId file, HandleId handle) =>
        new(file, handle, new LockOwner(42), 1, LockKind.Range, LockMode.Exclusive, LockRange.All, Wait: false);

    private static async Task<CoordinatorPhase> PhaseAsync(CoordinatorWorld world) => (await world.Coordinator.GetStateAsync()).Phase;

    private static async Task<VolumeReply> OpenAsync(CoordinatorWorld world, ReservationKey key)
    {
        var client = new TestClient(world.Coordinator, 1) { DataKey = key };
        world.Lun.Register(key);
        return (await client.SendAsync(
            new RequestId(default, 0, 0), new OpenSession(client.Node, client.MountId, key, 64, null), default)).Reply;
    }

    private static async Task TakeOverAsync(CoordinatorWorld world, TestClient client, FileId file, HandleId handle)
    {
        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], null));
        await client.AskAsync<Done>(new ReclaimComplete());
    }

    /// <summary>How long it took, by the coordinator's clock, which stands still where nothing is to be waited for.</summary>
    private static async Task<TimeSpan> CutAsync(CoordinatorWorld world, TestClient client, FileId file, long size, bool waits)
    {
        var begun = world.Time.GetTimestamp();
        var cut = client.AskAsync<Entry>(new SetSize(file, new ByteCount(size)));
        await world.UntilAsync(() => cut.IsCompleted, waits ? TimeSpan.FromMilliseconds(100) : TimeSpan.Zero);
        await cut;
        return TimeSpan.FromTicks(world.Time.GetTimestamp() - begun);
    }

    private static (ReservationKey Key, Task<VolumeAnswer> Answer) Resume(CoordinatorWorld world, TestClient client)
    {
        var next = KeyLayout.DataKey(1, client.Node, KeyLayout.Incarnation(client.DataKey) + 1);
        world.Lun.Register(next);
        return (next, client.SendAsync(
            new RequestId(default, 0, 0), new OpenSession(client.Node, client.MountId, next, 64, client.Session.Session)));
    }
}
