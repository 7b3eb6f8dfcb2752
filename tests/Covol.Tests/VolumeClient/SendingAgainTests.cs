using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

public sealed class SendingAgainTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_request_in_doubt_is_sent_again_under_its_id_and_happens_once(bool carriedOut)
    {
        await using var world = new ClientWorld();
        var file = world.Coordinator.AddFile(70, 0);
        await world.ConnectAsync();
        var (handle, _) = await world.Volume.OpenAsync(file, OpenAccess.Write, truncate: false);
        world.Coordinator.BreakAfter = carriedOut ? typeof(WriteData) : null;
        world.Coordinator.BreakBefore = carriedOut ? null : typeof(WriteData);

        await world.Volume.WriteAsync(handle, default, append: true, clearSetId: false, "once"u8.ToArray());

        world.Coordinator.Files[file].ShouldBe("once"u8.ToArray());
        var calls = world.Coordinator.CallsOf<WriteData>();
        calls.Count.ShouldBe(2);
        calls[1].Id.ShouldBe(calls[0].Id);
    }

    [Fact]
    public async Task Who_is_told_to_ask_again_does_so_under_the_same_id_and_beyond_the_wait_limit()
    {
        await using var world = new ClientWorld(ioWaitLimit: TimeSpan.FromSeconds(1));
        var file = world.Coordinator.AddFile(70, 0);
        await world.ConnectAsync();
        var (handle, _) = await world.Volume.OpenAsync(file, OpenAccess.Write, truncate: false);
        var left = 30;
        world.Coordinator.Intercept = request =>
            request is WriteData && --left >= 0 ? new Refused(VolumeError.AskAgain, "It came on.") : null;

        await world.Volume.WriteAsync(handle, default, append: true, clearSetId: false, "late"u8.ToArray());

        world.Coordinator.Files[file].ShouldBe("late"u8.ToArray());
        world.Coordinator.CallsOf<WriteData>().Select(call => call.Id).Distinct().Count().ShouldBe(1);
    }

    [Fact]
    public async Task A_request_that_was_given_up_is_not_settled_by_an_answer_for_who_asks_again()
    {
        await using var world = new ClientWorld(ioWaitLimit: TimeSpan.FromMilliseconds(200), renewEvery: TimeSpan.FromHours(1));
        var file = world.Coordinator.AddFile(70, 0);
        await world.ConnectAsync();
        var (handle, _) = await world.Volume.OpenAsync(file, OpenAccess.Write, truncate: false);
        world.Coordinator.Silent = request => request is WriteData;
        var isFirst = true;
        world.Coordinator.Intercept = request =>
        {
            var asksAgain = request is RenewLease && isFirst;
            isFirst &= !asksAgain;
            return asksAgain ? new Refused(VolumeError.AskAgain, "It still ran, and came on.") : null;
        };

        await Should.ThrowAsync<VolumeException>(
            () => world.Volume.WriteAsync(handle, default, append: true, clearSetId: false, "late"u8.ToArray()).AsTask());

        var id = world.Coordinator.CallsOf<WriteData>().Single().Id;
        await ClientWorld.UntilAsync(() => world.Coordinator.CallsOf<RenewLease>().Count(call => call.Id == id) == 2);
    }

    [Fact]
    public async Task A_request_waits_for_the_next_coordinator_and_keeps_its_id()
    {
        await using var world = new ClientWorld();
        var file = world.Coordinator.AddFile(70, 0);
        await world.ConnectAsync();
        var (handle, _) = await world.Volume.OpenAsync(file, OpenAccess.Write, truncate: false);
        var next = world.Coordinator.Successor(2);
        world.Connections.There["unix:next"] = next;
        world.Coordinator.Intercept = request => request is WriteData ? new Refused(VolumeError.NotServing, "Handing over.") : null;
        var writing = world.Volume.WriteAsync(handle, default, append: true, clearSetId: false, "later"u8.ToArray()).AsTask();
        await ClientWorld.UntilAsync(() => world.Coordinator.CallsOf<WriteData>().Count > 0);

        world.Volume.SetCoordinator(new Epoch(2), ["unix:next"]);
        await writing;

        next.Files[file].ShouldBe("later"u8.ToArray());
        next.CallsOf<WriteData>()[^1].Id.ShouldBe(world.Coordinator.CallsOf<WriteData>()[0].Id);
    }

    [Fact]
    public async Task Closes_that_fill_all_reserved_slots_do_not_keep_the_session_from_its_next_coordinator()
    {
        await using var world = new ClientWorld();
        var file = world.Coordinator.AddFile(70, 0);
        await world.ConnectAsync();
        var handles = new List<OpenFile>();
        for (var number = 0; number < 20; number++)
        {
            handles.Add((await world.Volume.OpenAsync(file, OpenAccess.Read, truncate: false)).Handle);
        }

        world.Coordinator.Silent = request => request is Close;
        var closing = Task.WhenAll(handles.Select(handle => world.Volume.CloseAsync(handle).AsTask()));
        await ClientWorld.UntilAsync(() => world.Coordinator.CallsOf<Close>().Select(call => call.Id.Slot).Distinct().Count() >= 7);
        world.Connections.There["unix:next"] = world.Coordinator.Successor(2);
        world.Volume.SetCoordinator(new Epoch(2), ["unix:next"]);

        await closing.WaitAsync(TimeSpan.FromSeconds(10));
        world.Volume.Describe().OpenHandles.ShouldBe(0);
    }

    [Theory]
    [InlineData(typeof(RenewLease))]
    [InlineData(typeof(OpenSession))]
    public async Task A_coordinator_that_does_not_answer_does_not_keep_the_session_from_the_next(Type unanswered)
    {
        await using var world = new ClientWorld(ioWaitLimit: TimeSpan.FromHours(1));
        await world.ConnectAsync();
        var left = 0;
        world.Coordinator.Silent = request => request.GetType() == unanswered && Interlocked.Increment(ref left) > 0;
        if (unanswered == typeof(OpenSession))
        {
            world.Coordinator.BreakConnections();
        }

        await ClientWorld.UntilAsync(() => Volatile.Read(ref left) > 0);
        var next = world.Coordinator.Successor(2);
        world.Connections.There["unix:next"] = next;
        world.Volume.SetCoordinator(new Epoch(2), ["unix:next"]);

        await ClientWorld.UntilAsync(() => next.CallsOf<RenewLease>().Count > 0);
        next.CallsOf<OpenSession>().ShouldHaveSingleItem().Epoch.ShouldBe(new Epoch(2));
    }

    [Fact]
    public async Task An_older_coordinator_is_not_followed()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        world.Connections.There["unix:next"] = world.Coordinator.Successor(2);
        world.Volume.SetCoordinator(new Epoch(2), ["unix:next"]);

        world.Volume.SetCoordinator(new Epoch(1), [ClientWorld.Endpoint]);

        world.Volume.Describe().Epoch.ShouldBe(new Epoch(2));
    }

    [Fact]
    public async Task Without_a_coordinator_a_request_fails_only_after_the_wait_limit()
    {
        await using var world = new ClientWorld(ioWaitLimit: TimeSpan.FromMilliseconds(50));

        var failure = await Should.ThrowAsync<VolumeException>(async () => await world.Volume.AskAsync<Entry>(new GetRoot()));

        failure.Error.ShouldBe(VolumeError.IoFailed);
    }

    [Fact]
    public async Task A_slot_whose_request_was_given_up_is_settled_before_it_is_used_again()
    {
        await using var world = new ClientWorld(ioWaitLimit: TimeSpan.FromMilliseconds(100));
        var file = world.Coordinator.AddFile(70, 0);
        await world.ConnectAsync();
        var (handle, _) = await world.Volume.OpenAsync(file, OpenAccess.Write, truncate: false);
        world.Coordinator.BreakBefore = typeof(WriteData);
        world.Connections.There.TryRemove(ClientWorld.Endpoint, out _);
        await Should.ThrowAsync<VolumeException>(
            async () => await world.Volume.WriteAsync(handle, default, append: true, clearSetId: false, "never"u8.ToArray()));
        var lost = world.Coordinator.CallsOf<WriteData>().ShouldHaveSingleItem().Id;

        world.Connections.There[ClientWorld.Endpoint] = world.Coordinator;
        await ClientWorld.UntilAsync(() => world.Coordinator.CallsOf<RenewLease>().Exists(call => call.Id == lost));

        world.Coordinator.Files[file].ShouldBeEmpty();
    }

    [Fact]
    public async Task A_slot_whose_request_was_given_up_on_a_living_link_is_settled_over_that_link()
    {
        await using var world = new ClientWorld(ioWaitLimit: TimeSpan.FromMilliseconds(200));
        var file = world.Coordinator.AddFile(70, 0);
        await world.ConnectAsync();
        var (handle, _) = await world.Volume.OpenAsync(file, OpenAccess.Write, truncate: false);
        world.Coordinator.Silent = request => request is WriteData;

        await Should.ThrowAsync<VolumeException>(
            async () => await world.Volume.WriteAsync(handle, default, append: false, clearSetId: false, "slow"u8.ToArray()));
        var lost = world.Coordinator.CallsOf<WriteData>().ShouldHaveSingleItem().Id;
        await ClientWorld.UntilAsync(() => world.Coordinator.CallsOf<RenewLease>().Exists(call => call.Id == lost));

        world.Coordinator.CallsOf<OpenSession>().ShouldHaveSingleItem();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_a_request_that_was_given_up_may_wait_for_is_answered_before_that_one_is_settled(bool isTail)
    {
        await using var world = new ClientWorld(ioWaitLimit: TimeSpan.FromSeconds(2));
        var file = world.Coordinator.AddFile(70, 0);
        await world.ConnectAsync();
        var (handle, _) = await world.Volume.OpenAsync(file, OpenAccess.Write, truncate: false);
        world.Coordinator.Silent = request => request is WriteData;
        world.Connections.There.TryRemove(ClientWorld.Endpoint, out _);
        var writing = world.Volume.WriteAsync(handle, default, append: false, clearSetId: false, "slow"u8.ToArray()).AsTask();
        await ClientWorld.UntilAsync(() => world.Coordinator.CallsOf<WriteData>().Count == 1);
        world.Coordinator.BreakConnections();
        await Should.ThrowAsync<VolumeException>(() => writing);
        var lost = world.Coordinator.CallsOf<WriteData>().ShouldHaveSingleItem().Id;

        // As when the coordinator carries it out and waits for a layout of this node that was lost on its way there.
        world.Coordinator.Silent = request => request is RenewLease;
        world.Connections.There[ClientWorld.Endpoint] = world.Coordinator;
        await ClientWorld.UntilAsync(() => world.Coordinator.CallsOf<RenewLease>().Exists(call => call.Id == lost));
        world.Coordinator.Notify(
            isTail ? new ReportTail(file, new LayoutGeneration(9), 5, IsLast: true) : new RecallLayout(file, new LayoutGeneration(9)));

        await ClientWorld.UntilAsync(
            () => isTail ? world.Coordinator.ExecutedOf<CommitLayout>().Count == 1 : world.Coordinator.ExecutedOf<ReturnLayout>().Count == 1);
        world.Coordinator.Silent = null;
        world.Coordinator.BreakConnections();
        (await world.Volume.GetAttributesAsync(file)).Size.Value.ShouldBe(0);
    }

    [Fact]
    public async Task After_the_session_ended_its_handles_fail_and_new_ones_work()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();

        world.Coordinator.ForgetSessions();
        await ClientWorld.UntilAsync(() => handle.IsDead);

        handle.HasLayout.ShouldBeFalse();
        var failure = await Should.ThrowAsync<VolumeException>(
            async () => await world.Volume.ReadAsync(handle, FileByteOffset.Zero, new byte[512]));
        failure.Error.ShouldBe(VolumeError.NoSuchHandle);
        var (again, _) = await world.Volume.OpenAsync(handle.File, OpenAccess.Read, truncate: false);
        (await world.Volume.ReadAsync(again, FileByteOffset.Zero, new byte[512])).ShouldBe(512);
    }
}
