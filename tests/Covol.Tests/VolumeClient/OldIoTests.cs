using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

/// <summary>
/// I/O that was begun inside a layout and has not ended (hung in the LUN) while the layout ends: nobody may be told that it is over,
/// because then its clusters are given to another file while the write can still land.
/// </summary>
public sealed class OldIoTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task After_a_lapsed_lease_no_layout_is_asked_for_before_the_old_ones_io_has_ended()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var pinned = ClientWorld.PinForRead(handle);
        world.Clock.Advance(TimeSpan.FromSeconds(11));
        await ClientWorld.UntilAsync(() => !handle.HasLayout);

        // Makes the node want a layout again; the coordinator keeps one grant a file and session, so a new one would end the old one.
        await world.Volume.ReadAsync(handle, FileByteOffset.Zero, new byte[512]);
        await ClientWorld.SettledAsync();

        world.Coordinator.CallsOf<GetLayout>().Count.ShouldBe(1);
        world.Coordinator.CallsOf<ReturnLayout>().ShouldBeEmpty();
        handle.ReadEnded(pinned, 4096, succeeded: true);
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<GetLayout>().Count == 2);
        world.Coordinator.ExecutedOf<VolumeRequest>()
            .Where(request => request is GetLayout or ReturnLayout)
            .Select(request => request.GetType())
            .ShouldBe([typeof(GetLayout), typeof(ReturnLayout), typeof(GetLayout)]);
    }

    [Fact]
    public async Task After_a_recall_no_layout_is_asked_for_before_the_old_ones_io_has_ended()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var pinned = ClientWorld.PinForRead(handle);
        world.Coordinator.Notify(new RecallLayout(handle.File, pinned.Layout.Generation));

        await world.Volume.ReadAsync(handle, FileByteOffset.Zero, new byte[512]);
        await ClientWorld.SettledAsync();

        world.Coordinator.CallsOf<GetLayout>().Count.ShouldBe(1);
        world.Coordinator.CallsOf<ReturnLayout>().ShouldBeEmpty();
        handle.ReadEnded(pinned, 4096, succeeded: true);
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<GetLayout>().Count == 2);
    }

    [Fact]
    public async Task A_fenced_nodes_running_io_is_told_to_the_next_coordinator()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var pinned = ClientWorld.PinForRead(handle);
        world.Volume.Fenced("A request failed.");

        var next = world.TakeOver();
        await ClientWorld.UntilAsync(() => next.ExecutedOf<ReclaimComplete>().Count == 1);

        next.Reclaimed.ShouldHaveSingleItem().Layout.ShouldNotBeNull().Generation.ShouldBe(pinned.Layout.Generation);
        next.ExecutedOf<ReturnLayout>().ShouldBeEmpty();
        handle.ReadEnded(pinned, 4096, succeeded: true);
        await ClientWorld.UntilAsync(() => next.ExecutedOf<ReturnLayout>().Count == 1);
    }

    [Fact]
    public async Task Io_that_no_handle_brings_back_ends_before_the_next_coordinator_hears_that_all_is_reclaimed()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var pinned = ClientWorld.PinForRead(handle);
        var closing = world.Volume.CloseAsync(handle).AsTask();

        var next = world.TakeOver();
        await ClientWorld.UntilAsync(() => next.CallsOf<OpenSession>().Count == 1);
        await ClientWorld.SettledAsync();

        next.CallsOf<ReclaimComplete>().ShouldBeEmpty();
        handle.ReadEnded(pinned, 4096, succeeded: true);
        await closing.WaitAsync(s_deadline);
        await ClientWorld.UntilAsync(() => next.ExecutedOf<ReclaimComplete>().Count == 1);
    }

    [Fact]
    public async Task Io_inside_a_layout_that_was_refused_ends_before_the_next_coordinator_hears_that_all_is_reclaimed()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var pinned = ClientWorld.PinForRead(handle);

        var next = world.TakeOver(next => next.Intercept = request => request is ReclaimHandle { Layout: not null }
            ? new Refused(VolumeError.ReclaimRefused, "The map has changed.")
            : null);
        await ClientWorld.UntilAsync(() => next.Reclaimed.Count == 1);
        await ClientWorld.SettledAsync();

        next.CallsOf<ReclaimComplete>().ShouldBeEmpty();
        handle.HasLayout.ShouldBeFalse();
        handle.ReadEnded(pinned, 4096, succeeded: true);
        await ClientWorld.UntilAsync(() => next.ExecutedOf<ReclaimComplete>().Count == 1);
        handle.IsDead.ShouldBeFalse();
    }

    [Fact]
    public async Task A_coordinator_that_is_overtaken_while_it_waits_for_old_io_is_left_for_the_next()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var pinned = ClientWorld.PinForRead(handle);
        var closing = world.Volume.CloseAsync(handle).AsTask();
        var second = world.TakeOver();
        await ClientWorld.UntilAsync(() => second.CallsOf<OpenSession>().Count == 1);
        await ClientWorld.SettledAsync();

        var third = world.TakeOver();
        await ClientWorld.UntilAsync(() => third.CallsOf<OpenSession>().Count == 1);
        await ClientWorld.SettledAsync();

        third.CallsOf<ReclaimComplete>().ShouldBeEmpty();
        handle.ReadEnded(pinned, 4096, succeeded: true);
        await closing.WaitAsync(s_deadline);
        await ClientWorld.UntilAsync(() => third.ExecutedOf<ReclaimComplete>().Count == 1);
        second.CallsOf<ReclaimComplete>().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_new_session_begins_only_when_the_old_ones_io_has_ended()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var pinned = ClientWorld.PinForRead(handle);

        world.Coordinator.ForgetSessions();
        await ClientWorld.UntilAsync(() => handle.IsDead);
        await ClientWorld.SettledAsync();

        world.Coordinator.CallsOf<OpenSession>().Count(call => ((OpenSession)call.Request).Resume is null).ShouldBe(1);
        handle.ReadEnded(pinned, 4096, succeeded: true).ShouldBeFalse();
        var (again, _) = await world.Volume.OpenAsync(handle.File, OpenAccess.Read, truncate: false).AsTask().WaitAsync(s_deadline);
        again.IsDead.ShouldBeFalse();
    }

    [Fact]
    public async Task A_session_is_closed_only_when_its_io_has_ended()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var pinned = ClientWorld.PinForRead(handle);

        var closing = world.Volume.CloseSessionAsync();
        await ClientWorld.SettledAsync();

        world.Coordinator.CallsOf<CloseSession>().ShouldBeEmpty();
        handle.ReadEnded(pinned, 4096, succeeded: true);
        await closing.WaitAsync(s_deadline);
        world.Coordinator.ExecutedOf<CloseSession>().Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_fenced_nodes_recall_is_answered_when_its_io_has_ended()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var pinned = ClientWorld.PinForRead(handle);
        world.Volume.Fenced("A request failed.");

        world.Coordinator.Notify(new RecallLayout(handle.File, pinned.Layout.Generation));
        await ClientWorld.SettledAsync();

        world.Coordinator.CallsOf<ReturnLayout>().ShouldBeEmpty();
        handle.ReadEnded(pinned, 4096, succeeded: true);
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<ReturnLayout>().Count >= 1);
    }

    [Fact]
    public async Task A_recall_of_any_generation_waits_for_all_io_inside_the_file()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var pinned = ClientWorld.PinForRead(handle);
        world.Volume.Fenced("A request failed.");

        world.Coordinator.Notify(new RecallLayout(handle.File, new LayoutGeneration(pinned.Layout.Generation.Value - 1)));
        await ClientWorld.SettledAsync();

        world.Coordinator.CallsOf<ReturnLayout>().ShouldBeEmpty();
        handle.ReadEnded(pinned, 4096, succeeded: true);
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<ReturnLayout>().Count == 2);
    }

    [Fact]
    public async Task What_was_reclaimed_is_not_reclaimed_again_when_only_the_last_answer_was_lost()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();

        var next = world.TakeOver(next => next.BreakAfter = typeof(ReclaimComplete));
        (await world.Volume.ReadAsync(handle, FileByteOffset.Zero, new byte[512])).ShouldBe(512);

        handle.IsDead.ShouldBeFalse();
        handle.HasLayout.ShouldBeTrue();
        next.Reclaimed.ShouldHaveSingleItem();
    }
}
