using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Volume;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

public sealed class LockWaitTests
{
    private static readonly HeldLock s_wanted = new(new LockOwner(7), 1, LockKind.Flock, LockMode.Exclusive, LockRange.All);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_queued_lock_is_taken_when_its_notice_comes_even_before_the_answer(bool early)
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        world.Coordinator.Intercept = request =>
        {
            if (request is SetLock && early)
            {
                world.Coordinator.Notify(new LockResolved(handle.File, 5, null));
            }

            return request is SetLock ? new LockQueued(5) : null;
        };

        var locking = world.Volume.SetLockAsync(handle, s_wanted, wait: true, CancellationToken.None).AsTask();
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<SetLock>().Count == 1);
        if (!early)
        {
            world.Coordinator.Notify(new LockResolved(handle.File, 5, null));
        }

        await locking.WaitAsync(TimeSpan.FromSeconds(20));
        locking.IsCompletedSuccessfully.ShouldBeTrue();
    }

    [Fact]
    public async Task An_interrupted_waiter_leaves_the_queue()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        world.Coordinator.Intercept = request => request is SetLock ? new LockQueued(5) : null;
        using var signal = new CancellationTokenSource();
        var locking = world.Volume.SetLockAsync(handle, s_wanted, wait: true, signal.Token).AsTask();
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<SetLock>().Count == 1);

        await signal.CancelAsync();

        (await Should.ThrowAsync<VolumeException>(() => locking)).Error.ShouldBe(VolumeError.Interrupted);
        world.Coordinator.ExecutedOf<CancelLock>().ShouldHaveSingleItem().Ticket.ShouldBe(5);
    }

    [Fact]
    public async Task A_waiter_queues_again_after_a_takeover()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        world.Coordinator.Intercept = request => request is SetLock ? new LockQueued(5) : null;
        var locking = world.Volume.SetLockAsync(handle, s_wanted, wait: true, CancellationToken.None).AsTask();
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<SetLock>().Count == 1);
        var next = world.Coordinator.Successor(2);
        world.Connections.There["unix:next"] = next;

        world.Volume.SetCoordinator(new Epoch(2), ["unix:next"]);

        await locking.WaitAsync(TimeSpan.FromSeconds(20));
        next.ExecutedOf<SetLock>().ShouldNotBeEmpty();
    }

    [Fact]
    public async Task A_waiter_that_queues_again_with_the_same_coordinator_leaves_no_second_one_behind()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var tickets = 4;
        world.Coordinator.Intercept = request => request is SetLock ? new LockQueued(++tickets) : null;
        var locking = world.Volume.SetLockAsync(handle, s_wanted, wait: true, CancellationToken.None).AsTask();
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<SetLock>().Count == 1);

        world.Coordinator.BreakConnections();
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<SetLock>().Count == 2);
        await ClientWorld.SettledAsync();
        world.Coordinator.Notify(new LockResolved(handle.File, 6, null));

        await locking.WaitAsync(TimeSpan.FromSeconds(20));
        world.Coordinator.ExecutedOf<VolumeRequest>()
            .Where(request => request is SetLock or CancelLock)
            .Select(request => request is CancelLock cancel ? cancel.Ticket : 0)
            .ShouldBe([0, 5, 0]);
    }

    [Fact]
    public async Task A_lock_that_was_granted_while_the_connection_was_gone_is_not_asked_for_again()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        world.Coordinator.Intercept = request =>
        {
            if (request is CancelLock)
            {
                world.Coordinator.Notify(new LockResolved(handle.File, 5, null));
            }

            return request is SetLock ? new LockQueued(5) : null;
        };
        var locking = world.Volume.SetLockAsync(handle, s_wanted, wait: true, CancellationToken.None).AsTask();
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<SetLock>().Count == 1);

        world.Coordinator.BreakConnections();

        await locking.WaitAsync(TimeSpan.FromSeconds(20));
        world.Coordinator.ExecutedOf<SetLock>().Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_coordinators_word_that_a_waiter_left_does_not_interrupt_one_that_queues_again()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        world.Coordinator.Intercept = request =>
        {
            if (request is CancelLock)
            {
                world.Coordinator.Notify(new LockResolved(handle.File, 5, VolumeError.Interrupted));
                world.Coordinator.Intercept = null;
            }

            return request is SetLock ? new LockQueued(5) : null;
        };
        var locking = world.Volume.SetLockAsync(handle, s_wanted, wait: true, CancellationToken.None).AsTask();
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<SetLock>().Count == 1);

        world.Coordinator.BreakConnections();

        await locking.WaitAsync(TimeSpan.FromSeconds(20));
        world.Coordinator.ExecutedOf<SetLock>().Count.ShouldBe(2);
    }
}
