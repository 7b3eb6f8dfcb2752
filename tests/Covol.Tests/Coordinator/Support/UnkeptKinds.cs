using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Volume;
using Shouldly;

namespace Covol.Tests.Coordinator.Support;

/// <summary>One kind of request that changes what a session holds, and what there has to be before it.</summary>
internal sealed record UnkeptKind(Func<UnkeptScene, VolumeRequest> Request, Func<UnkeptScene, Task> Prepare);

/// <summary>Each kind of request that changes only what the coordinator remembers, and those that tell what a node wrote by itself.</summary>
internal static class UnkeptKinds
{
    public static IReadOnlyDictionary<string, UnkeptKind> All { get; } = new Dictionary<string, UnkeptKind>
    {
        ["open"] = new(scene => new Open(scene.File, new HandleId(900), OpenAccess.Read, Truncate: false), _ => Task.CompletedTask),
        ["open by name"] = new(
            scene => scene.Client.NewFile("a", new HandleId(900)) with { OpenExisting = true }, _ => Task.CompletedTask),

        // A mount forgets a handle before it closes it.
        ["close"] = new(scene => new Close(scene.Handle), scene =>
        {
            scene.Reclaimed.Remove(scene.Handle);
            return Task.CompletedTask;
        }),
        ["lock"] = new(scene => scene.Lock(LockMode.Exclusive), _ => Task.CompletedTask),
        ["share a lock"] = new(scene => scene.Lock(LockMode.Shared), scene => scene.HoldAsync()),
        ["unlock"] = new(scene => scene.Lock(LockMode.Unlock), scene => scene.HoldAsync()),
        ["unlock what is not reclaimed"] = new(scene => scene.Lock(LockMode.Unlock), async scene =>
        {
            await scene.HoldAsync();
            scene.ReclaimedLocks.Clear();
        }),
        ["release an owner"] = new(scene => new ReleaseOwner(scene.File, UnkeptScene.Owner), scene => scene.HoldAsync()),
        ["wait for a lock"] = new(scene => scene.Lock(LockMode.Exclusive, wait: true), scene => scene.LetOtherHoldAsync()),
        ["return a layout"] = new(scene => new ReturnLayout(scene.File, scene.Layout!.Generation), scene => LayoutAsync(scene, isReclaimed: false)),
        ["note direct writes"] = new(scene => new NoteDirectWrites(scene.File), scene => LayoutAsync(scene, isReclaimed: true)),
        ["synchronize"] = new(scene => new Synchronize(scene.File, WroteDirectly: true), scene => LayoutAsync(scene, isReclaimed: true)),
        ["tell a tail"] = new(
            scene => Tails.Told(scene.Layout!, UnkeptScene.Length, isLast: false), scene => TailAsync(scene, isReclaimed: true)),
        ["tell a tail for the last time"] = new(
            scene => Tails.Told(scene.Layout!, UnkeptScene.Length, isLast: true), scene => TailAsync(scene, isReclaimed: false)),
        ["return all attributes"] = new(_ => new ReturnAllAttributes(), _ => Task.CompletedTask),
    };

    /// <summary>For scenes without such a request.</summary>
    public static UnkeptKind None { get; } = new(_ => new RenewLease(), _ => Task.CompletedTask);

    private static async Task LayoutAsync(UnkeptScene scene, bool isReclaimed)
    {
        scene.Layout = await scene.Client.LayoutAsync(scene.File);
        scene.ReclaimsLayout = isReclaimed;
    }

    private static async Task TailAsync(UnkeptScene scene, bool isReclaimed)
    {
        scene.ReclaimsLayout = isReclaimed;
        scene.Layout = await Tails.AskAsync(scene.Client, scene.File);
        scene.Layout.HasTail.ShouldBeTrue();
        Tails.Write(scene.World, scene.Layout, UnkeptScene.Length, 7);
        scene.Client.AnswersTails = asked => Tails.Told(scene.Layout!, UnkeptScene.Length, asked.IsLast) with { Ticket = asked.Ticket };
    }
}
