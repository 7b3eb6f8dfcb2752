using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Tests.Coordinator.Support;

/// <summary>One kind of request, and what another node does afterwards that a second time would undo.</summary>
internal sealed record SentAgainKind(
    Func<SentAgainScene, VolumeRequest> Request, Func<SentAgainScene, Task> Interfere, byte[]? Data = null);

/// <summary>Each kind of request that changes the volume.</summary>
internal static class SentAgainKinds
{
    public static IReadOnlyDictionary<string, SentAgainKind> All { get; } = new Dictionary<string, SentAgainKind>
    {
        ["create"] = new(scene => scene.Client.NewFile("new", null), scene => Unlink(scene, "new")),
        ["create and open"] = new(
            scene => scene.Client.NewFile("new", new HandleId(900)),
            scene => scene.Other.AskAsync<Done>(new Rename(scene.Root, "new", scene.Root, "moved", RenameMode.NoReplace))),
        ["create or open and cut"] = new(
            scene => scene.Client.NewFile("a", new HandleId(902)) with { OpenExisting = true, Truncate = true },
            scene => scene.Other.WriteAsync(scene.A, 0, RedirectedData.Pattern(4_096, 9))),
        ["create without a name"] = new(
            scene => scene.Client.NewFile("", new HandleId(903)), scene => scene.Other.AskAsync<Entry>(scene.Other.NewFile("new", null))),
        ["link"] = new(scene => new Link(scene.A, scene.Root, "new"), scene => Unlink(scene, "new")),
        ["unlink"] = new(
            scene => new Unlink(scene.Root, "b", IsDirectory: false), scene => scene.Other.AskAsync<Entry>(scene.Other.NewFile("b", null))),
        ["rename"] = new(
            scene => new Rename(scene.Root, "b", scene.Root, "c", RenameMode.Replace),
            scene => scene.Other.AskAsync<Entry>(scene.Other.NewFile("b", null))),
        ["exchange"] = new(scene => new Rename(scene.Root, "a", scene.Root, "b", RenameMode.Exchange), _ => Task.CompletedTask),
        ["set attributes"] = new(
            scene => new SetAttributes(scene.A, new AttributeChange { Mode = 0x1C0 }),
            scene => scene.Other.AskAsync<Entry>(new SetAttributes(scene.A, new AttributeChange { Mode = 0x124 }))),
        ["set extended attribute"] = new(
            scene => new SetExtendedAttribute(scene.A, "user.new", new byte[] { 2 }, false, false),
            scene => scene.Other.AskAsync<Done>(new RemoveExtendedAttribute(scene.A, "user.new"))),
        ["remove extended attribute"] = new(
            scene => new RemoveExtendedAttribute(scene.A, "user.old"),
            scene => scene.Other.AskAsync<Done>(new SetExtendedAttribute(scene.A, "user.old", new byte[] { 3 }, false, false))),
        ["append"] = new(
            scene => new WriteData(scene.A, default, Append: true, ClearSetId: false),
            scene => scene.Other.AppendAsync(scene.A, RedirectedData.Pattern(70, 4)),
            RedirectedData.Pattern(50, 3)),
        ["extend"] = new(
            scene => new WriteData(scene.A, new FileByteOffset(12_288), Append: false, ClearSetId: false),
            scene => scene.Other.WriteAsync(scene.A, 12_288, RedirectedData.Pattern(512, 6)),
            RedirectedData.Pattern(512, 5)),
        ["cut"] = new(
            scene => new SetSize(scene.A, new ByteCount(100)), scene => scene.Other.WriteAsync(scene.A, 0, RedirectedData.Pattern(8_192, 7))),
        ["grow"] = new(scene => new SetSize(scene.A, new ByteCount(20_000)), scene => scene.CutAsync(scene.A, 50)),
        ["allocate"] = new(
            scene => new Allocate(scene.A, AllocationMode.Extend, default, new ByteCount(20_000)), scene => scene.CutAsync(scene.A, 50)),
        ["keep room past the end"] = new(
            scene => new Allocate(scene.A, AllocationMode.KeepSize, default, new ByteCount(20_000)), scene => scene.CutAsync(scene.A, 50)),
        ["zero a range"] = new(
            scene => new Allocate(scene.A, AllocationMode.ZeroRange, default, new ByteCount(4_096)),
            scene => scene.Other.WriteAsync(scene.A, 0, RedirectedData.Pattern(4_096, 8))),
        ["make a hole"] = new(
            scene => new Allocate(scene.A, AllocationMode.PunchHole, default, new ByteCount(4_096)),
            scene => scene.Other.WriteAsync(scene.A, 0, RedirectedData.Pattern(4_096, 8))),
        ["open and cut"] = new(
            scene => new Open(scene.A, new HandleId(901), OpenAccess.ReadWrite, Truncate: true),
            scene => scene.Other.WriteAsync(scene.A, 0, RedirectedData.Pattern(4_096, 9))),
    };

    private static Task Unlink(SentAgainScene scene, string name) =>
        scene.Other.AskAsync<Done>(new Unlink(scene.Root, name, IsDirectory: false));
}
