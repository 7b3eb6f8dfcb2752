using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Volume;
using Covol.Tests.Cluster;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

/// <summary>
/// A coordinator that does not answer for longer than the wait limit: nothing may be held at it that nobody on this node knows of, or
/// the next one who wants the lock waits for ever.
/// </summary>
public sealed class LocksBeyondTheLimit
{
    private static readonly HeldLock s_wanted = new(new LockOwner(7), 1, LockKind.Range, LockMode.Exclusive, LockRange.All);
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private readonly ManualTime _time = new();

    [Theory]
    [InlineData(LockMode.Unlock)]
    [InlineData(LockMode.Exclusive)]
    public async Task A_request_that_was_sent_is_not_given_up(LockMode mode)
    {
        await using var world = new ClientWorld(s_limit, _time);
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        await world.Volume.SetLockAsync(handle, s_wanted with { Mode = LockMode.Shared }, wait: false, CancellationToken.None);
        world.Coordinator.Silent = request => request is SetLock;

        var asked = world.Volume.SetLockAsync(handle, s_wanted with { Mode = mode }, wait: false, CancellationToken.None).AsTask();
        await ClientWorld.UntilAsync(() => world.Coordinator.CallsOf<SetLock>().Count == 2);
        await PassAsync(s_limit * 2);
        asked.IsCompleted.ShouldBeFalse();
        var next = world.TakeOver();
        await EndedAsync(asked);

        next.ExecutedOf<SetLock>().ShouldNotBeEmpty();
        next.ExecutedOf<SetLock>().ShouldAllBe(told => told.Mode == mode);
    }

    [Fact]
    public async Task An_unlock_is_told_when_there_is_a_coordinator_again()
    {
        await using var world = new ClientWorld(s_limit, _time);
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        await world.Volume.SetLockAsync(handle, s_wanted, wait: false, CancellationToken.None);
        await LeaveAsync(world);

        var unlocked = world.Volume.SetLockAsync(handle, s_wanted with { Mode = LockMode.Unlock }, wait: false, CancellationToken.None).AsTask();
        await PassAsync(s_limit * 2);
        unlocked.IsCompleted.ShouldBeFalse();
        var next = world.TakeOver();
        await EndedAsync(unlocked);

        next.ExecutedOf<SetLock>().ShouldNotBeEmpty();
        next.ExecutedOf<SetLock>().ShouldAllBe(told => told.Mode == LockMode.Unlock);
    }

    [Fact]
    public async Task A_lock_that_no_coordinator_was_asked_for_is_refused()
    {
        await using var world = new ClientWorld(s_limit, _time);
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        await LeaveAsync(world);

        var refusal = await Should.ThrowAsync<VolumeException>(
            () => EndedAsync(world.Volume.SetLockAsync(handle, s_wanted, wait: false, CancellationToken.None).AsTask()));

        refusal.Error.ShouldBe(VolumeError.IoFailed);
        var next = world.TakeOver();
        await world.Volume.GetAttributesAsync(handle.File).AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        next.ExecutedOf<SetLock>().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_waiter_that_is_interrupted_leaves_the_queue_however_long_that_takes()
    {
        await using var world = new ClientWorld(s_limit, _time);
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        world.Coordinator.Intercept = request => request is SetLock ? new LockQueued(5) : null;
        world.Coordinator.Silent = request => request is CancelLock;
        using var signal = new CancellationTokenSource();
        var locking = world.Volume.SetLockAsync(handle, s_wanted, wait: true, signal.Token).AsTask();
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<SetLock>().Count == 1);

        await signal.CancelAsync();
        await ClientWorld.UntilAsync(() => world.Coordinator.CallsOf<CancelLock>().Count == 1);
        await PassAsync(s_limit * 2);
        locking.IsCompleted.ShouldBeFalse();
        world.Coordinator.Silent = null;
        world.Coordinator.BreakConnections();

        (await Should.ThrowAsync<VolumeException>(() => EndedAsync(locking))).Error.ShouldBe(VolumeError.Interrupted);
        world.Coordinator.ExecutedOf<CancelLock>().ShouldHaveSingleItem().Ticket.ShouldBe(5);
    }

    [Fact]
    public async Task A_descriptor_that_is_closed_gives_its_owners_locks_back_also_when_its_writes_could_not_be_told()
    {
        await using var world = new ClientWorld(s_limit, _time);
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        await world.Volume.SetLockAsync(handle, s_wanted, wait: false, CancellationToken.None);
        handle.Owner.WroteDirectly();
        world.Coordinator.Silent = request => request is NoteDirectWrites;

        await Should.ThrowAsync<VolumeException>(() => EndedAsync(world.Volume.FlushAsync(handle, s_wanted.Owner).AsTask()));

        world.Coordinator.ExecutedOf<ReleaseOwner>().ShouldHaveSingleItem().Owner.ShouldBe(s_wanted.Owner);
    }

    /// <summary>No coordinator is there any more, and the client has seen it.</summary>
    private static async Task LeaveAsync(ClientWorld world)
    {
        world.Connections.There.Clear();
        world.Coordinator.BreakConnections();
        world.Clock.Advance(TimeSpan.FromMinutes(1));
        await ClientWorld.UntilAsync(() => world.Volume.Describe().State == VolumeRouteState.Paused);
    }

    /// <summary>Time goes by, slowly enough for what it sets going.</summary>
    private async Task PassAsync(TimeSpan span)
    {
        for (var passed = TimeSpan.Zero; passed < span; passed += TimeSpan.FromMilliseconds(100))
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }
    }

    private async Task EndedAsync(Task task)
    {
        await ClientWorld.UntilAsync(() =>
        {
            _time.Advance(TimeSpan.FromMilliseconds(5));
            return task.IsCompleted;
        });
        await task;
    }
}
