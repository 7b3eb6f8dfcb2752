using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>Sessions whose mount is gone without a word: the next mount of the node takes their place.</summary>
public sealed class ForsakenSessions
{
    [Fact]
    public async Task A_connection_that_ended_while_its_session_was_resumed_speaks_for_nobody()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var gone = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, handle) = await gone.CreateAsync("disk.raw");
        await gone.AskAsync<Done>(Lock(file, handle, wait: false));
        var opened = await other.OpenAsync(file);
        var queued = await other.AskAsync<LockQueued>(Lock(file, opened, wait: true));
        world.Coordinator.Disconnected(gone);

        // Its mount comes back under a new key, and gives that connection up while the old key is being fenced.
        world.Lun.FenceMayEnd.Reset();
        var lost = new TestClient(world.Coordinator, 1);
        var next = new ReservationKey(gone.DataKey.Value + 16);
        world.Lun.Register(next);
        var resuming = ResumeAsync(lost, gone, next);
        await world.UntilAsync(() => world.Lun.FencesBegun == 1);
        world.Coordinator.Disconnected(lost);
        world.Lun.FenceMayEnd.Set();
        var answer = await resuming;

        // Over another connection it is resumed all the same, until that ends too.
        var last = new TestClient(world.Coordinator, 1);
        (await ResumeAsync(last, gone, next)).ShouldBeOfType<SessionOpened>().Session.ShouldBe(gone.Session.Session);
        world.Coordinator.Disconnected(last);

        var newer = await world.ClientAsync(1);

        await world.UntilAsync(() => other.Notices.Contains(new LockResolved(file, queued.Ticket, null)));
        world.Lun.Fenced.ShouldBe([gone.DataKey, next], "What it had was given to another before its key was fenced.");
        await world.UntilStateAsync(state => state.Sessions == 2);
        newer.Notices.ShouldBeEmpty();
        answer.ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.AskAgain);
    }

    [Fact]
    public async Task A_connection_that_ended_while_an_earlier_session_of_its_mount_was_fenced_begins_none()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var mount = await world.ClientAsync(1);
        world.Coordinator.Disconnected(mount);
        world.Lun.FenceMayEnd.Reset();
        var next = new ReservationKey(mount.DataKey.Value + 16);
        world.Lun.Register(next);
        var lost = new TestClient(world.Coordinator, 1);
        var beginning = OpenAsync(lost, new OpenSession(mount.Node, mount.MountId, next, 64, null));
        await world.UntilAsync(() => world.Lun.FencesBegun == 1);
        world.Coordinator.Disconnected(lost);
        world.Lun.FenceMayEnd.Set();

        (await beginning).ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.AskAgain);

        (await world.Coordinator.GetStateAsync()).Sessions.ShouldBe(0);
        world.Lun.Fenced.ShouldBe([mount.DataKey]);
    }

    private static SetLock Lock(FileId file, HandleId handle, bool wait) =>
        new(file, handle, new LockOwner(42), 1, LockKind.Range, LockMode.Exclusive, LockRange.All, wait);

    private static Task<VolumeReply> ResumeAsync(TestClient over, TestClient mount, ReservationKey key) =>
        OpenAsync(over, new OpenSession(mount.Node, mount.MountId, key, 64, mount.Session.Session));

    private static async Task<VolumeReply> OpenAsync(TestClient over, OpenSession open) =>
        (await over.SendAsync(new RequestId(default, 0, 0), open)).Reply;
}
