using System.Globalization;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Locks;
using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.Tests.Coordinator.Support;

/// <summary>
/// A file that two nodes have open, one of them twice: what a session holds (handles, locks, layouts, kept attributes) is not in the journal,
/// and comes over a takeover by what its client reclaims.
/// </summary>
internal sealed class UnkeptScene : IAsyncDisposable
{
    public const int Length = 8_192;
    private static readonly LockOwner s_otherOwner = new(99);

    private UnkeptScene(CoordinatorWorld world) => World = world;

    public CoordinatorWorld World { get; }

    /// <summary>Whose request is sent again.</summary>
    public TestClient Client { get; private set; } = null!;

    public TestClient Other { get; private set; } = null!;

    public FileId File { get; private set; }

    public HandleId Handle { get; private set; }

    public HandleId Second { get; private set; }

    public HandleId OfOther { get; private set; }

    public static LockOwner Owner { get; } = new(42);

    /// <summary>What the client reclaims after a takeover: as it knew itself before the request was answered.</summary>
    public List<HandleId> Reclaimed { get; } = [];

    public List<HeldLock> ReclaimedLocks { get; } = [];

    public List<HeldLock> OthersLocks { get; } = [];

    public Layout? Layout { get; set; }

    /// <summary>The layout comes with its handle. Not where no I/O is inside it any more.</summary>
    public bool ReclaimsLayout { get; set; }

    public static async Task<UnkeptScene> StartAsync(UnkeptKind kind)
    {
        var scene = new UnkeptScene(await CoordinatorWorld.StartAsync(Tails.Options));
        scene.Client = await scene.World.ClientAsync(1, takesAttributeLeases: true);
        scene.Other = await scene.World.ClientAsync(2);
        (scene.File, scene.OfOther) = await scene.Other.CreateAsync("a");
        await scene.Other.WriteAsync(scene.File, 0, RedirectedData.Pattern(Length, 1));
        scene.Handle = await scene.Client.OpenAsync(scene.File);
        scene.Second = await scene.Client.OpenAsync(scene.File);
        scene.Reclaimed.AddRange([scene.Handle, scene.Second]);
        await kind.Prepare(scene);
        return scene;
    }

    public Task<VolumeAnswer> SendAsync(RequestId id, UnkeptKind kind) => Client.SendAsync(id, kind.Request(this));

    public SetLock Lock(LockMode mode, bool wait = false) =>
        new(File, Handle, Owner, 1, LockKind.Range, mode, LockRange.All, wait);

    public SetLock LockOfOther(LockMode mode) => new(File, OfOther, s_otherOwner, 2, LockKind.Range, mode, LockRange.All, Wait: false);

    public async Task HoldAsync()
    {
        await Client.AskAsync<Done>(Lock(LockMode.Exclusive));
        ReclaimedLocks.Add(new HeldLock(Owner, 1, LockKind.Range, LockMode.Exclusive, LockRange.All));
    }

    public async Task LetOtherHoldAsync()
    {
        await Other.AskAsync<Done>(LockOfOther(LockMode.Exclusive));
        OthersLocks.Add(new HeldLock(s_otherOwner, 2, LockKind.Range, LockMode.Exclusive, LockRange.All));
    }

    public async Task StrikeAsync(SentAgain.FaultPoint point)
    {
        switch (point)
        {
            case SentAgain.FaultPoint.ConnectionBrokeAfterTheAnswer:
                World.Coordinator.Disconnected(Client);
                await Client.MoveToAsync(World.Coordinator);
                break;
            case SentAgain.FaultPoint.MountCameBackUnderANewKey:
                World.Coordinator.Disconnected(Client);
                Client.DataKey = new ReservationKey(0xD0FF);
                World.Lun.Register(Client.DataKey);
                await Client.MoveToAsync(World.Coordinator);
                break;
            case SentAgain.FaultPoint.TakenOverAfterACheckpoint:
                await World.Coordinator.HandOverAsync();
                await TakeOverAsync();
                break;
            case SentAgain.FaultPoint.TakenOverTwice:
                await TakeOverAsync();
                await TakeOverAsync();
                break;
            default:
                await TakeOverAsync();
                break;
        }
    }

    /// <summary>What is held of the file by whom, and what it is like.</summary>
    public async Task<string> DescribeAsync()
    {
        var conflict = (await Other.AskAsync<LockTested>(
            new TestLock(File, OfOther, s_otherOwner, LockKind.Range, LockMode.Exclusive, LockRange.All))).Conflict;
        var attributes = await Other.AttributesAsync(File);
        var state = await World.Coordinator.GetStateAsync();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{state.OpenHandles} handles, {state.Locks} locks, {state.Layouts} layouts, in the way {conflict?.Owner}, {attributes.Size.Value} B");
    }

    public async ValueTask DisposeAsync() => await World.DisposeAsync();

    private async Task TakeOverAsync()
    {
        await World.TakeOverAsync();
        await Client.MoveToAsync(World.Coordinator);
        await Other.MoveToAsync(World.Coordinator);
        foreach (var handle in Reclaimed)
        {
            var isFirst = handle == Handle;
            await Client.AskAsync<Done>(new ReclaimHandle(
                File, handle, OpenAccess.ReadWrite, isFirst ? ReclaimedLocks : [], isFirst && ReclaimsLayout ? Layout : null));
        }

        await Other.AskAsync<Done>(new ReclaimHandle(File, OfOther, OpenAccess.ReadWrite, OthersLocks, null));
        await Client.AskAsync<Done>(new ReclaimComplete());
        await Other.AskAsync<Done>(new ReclaimComplete());
    }
}
