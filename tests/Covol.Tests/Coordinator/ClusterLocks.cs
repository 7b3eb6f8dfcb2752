using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Ownership;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

public sealed class ClusterLocks
{
    private static readonly LockOwner s_owner = new(42);

    [Fact]
    public async Task A_waiting_lock_is_granted_by_a_notice_when_its_holder_closes_the_file()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var holder = await world.ClientAsync(1);
        var waiter = await world.ClientAsync(2);
        var (file, handle) = await holder.CreateAsync("disk.raw");
        var other = await waiter.OpenAsync(file);
        await holder.AskAsync<Done>(Lock(file, handle, wait: false));

        var queued = await waiter.AskAsync<LockQueued>(Lock(file, other, wait: true));
        waiter.Notices.ShouldBeEmpty();
        await holder.AskAsync<Done>(new Close(handle));

        waiter.Notices.ShouldBe([new LockResolved(file, queued.Ticket, null)]);
        (await world.Coordinator.GetStateAsync()).Locks.ShouldBe(1);
    }

    [Fact]
    public async Task The_end_of_a_session_drops_its_locks()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, handle) = await holder.CreateAsync("disk.raw");
        var otherHandle = await other.OpenAsync(file);
        await holder.AskAsync<Done>(Lock(file, handle, wait: false));
        (await other.RefusalAsync(Lock(file, otherHandle, wait: false))).ShouldBe(VolumeError.LockConflict);

        await holder.AskAsync<Done>(new CloseSession());

        await other.AskAsync<Done>(Lock(file, otherHandle, wait: false));
    }

    [Fact]
    public async Task An_evicted_nodes_locks_go_after_its_key_is_fenced()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, handle) = await holder.CreateAsync("disk.raw");
        var otherHandle = await other.OpenAsync(file);
        await holder.AskAsync<Done>(Lock(file, handle, wait: false));
        world.Lun.FenceMayEnd.Reset();

        var evicted = world.Coordinator.EvictAsync(holder.Node, KeyLayout.Incarnation(holder.DataKey));
        (await other.RefusalAsync(Lock(file, otherHandle, wait: false))).ShouldBe(VolumeError.LockConflict);
        world.Lun.FenceMayEnd.Set();
        await evicted;

        world.Lun.Fenced.ShouldBe([holder.DataKey]);
        holder.Notices.ShouldContain(notice => notice is SessionEnded);
        await other.AskAsync<Done>(Lock(file, otherHandle, wait: false));
        (await holder.RefusalAsync(new GetSpace())).ShouldBe(VolumeError.SessionUnknown);
    }

    [Fact]
    public async Task A_lock_of_a_session_that_does_not_reclaim_is_free_only_after_its_key_is_fenced()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, handle) = await holder.CreateAsync("disk.raw");
        var otherHandle = await other.OpenAsync(file);
        await holder.AskAsync<Done>(Lock(file, handle, wait: false));
        world.Lun.FenceMayEnd.Reset();

        await world.TakeOverAsync();
        await other.MoveToAsync(world.Coordinator);
        await other.AskAsync<Done>(new ReclaimHandle(file, otherHandle, OpenAccess.ReadWrite, [], null));
        await other.AskAsync<Done>(new ReclaimComplete());
        await world.UntilAsync(() => world.Lun.FencesBegun > 0, TimeSpan.FromMilliseconds(100));
        (await other.RefusalAsync(Lock(file, otherHandle, wait: false))).ShouldBe(VolumeError.InGrace);
        world.Lun.FenceMayEnd.Set();

        await world.UntilAsync(() => world.Lun.Fenced.Contains(holder.DataKey));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while ((await world.Coordinator.GetStateAsync()).Sessions > 1)
        {
            limit.Token.ThrowIfCancellationRequested();
        }

        await other.AskAsync<Done>(Lock(file, otherHandle, wait: false));
    }

    [Fact]
    public async Task A_lock_needs_an_open_handle_of_the_file()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");

        (await client.RefusalAsync(Lock(file, new HandleId(999), wait: false))).ShouldBe(VolumeError.NoSuchHandle);
    }

    [Fact]
    public async Task A_resolution_lost_with_its_connection_is_said_again()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var holder = await world.ClientAsync(1);
        var waiter = await world.ClientAsync(2);
        var (file, handle) = await holder.CreateAsync("disk.raw");
        var other = await waiter.OpenAsync(file);
        await holder.AskAsync<Done>(Lock(file, handle, wait: false));
        var queued = await waiter.AskAsync<LockQueued>(Lock(file, other, wait: true));
        world.Coordinator.Disconnected(waiter);

        await holder.AskAsync<Done>(new Close(handle));
        waiter.Notices.ShouldBeEmpty();
        await waiter.BeginAsync(waiter.Session.Session);

        waiter.Notices.ShouldContain(new LockResolved(file, queued.Ticket, null));
    }

    private static SetLock Lock(FileId file, HandleId handle, bool wait) =>
        new(file, handle, s_owner, 1, LockKind.Range, LockMode.Exclusive, LockRange.All, wait);
}
