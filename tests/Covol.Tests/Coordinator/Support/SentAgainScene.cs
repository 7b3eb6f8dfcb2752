using System.Globalization;
using System.Text;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.Tests.Coordinator.Support;

/// <summary>Two files, two nodes: one whose request is sent again, one that changes things in between.</summary>
internal sealed class SentAgainScene : IAsyncDisposable
{
    private SentAgainScene(CoordinatorWorld world) => World = world;

    public CoordinatorWorld World { get; }

    public TestClient Client { get; private set; } = null!;

    public TestClient Other { get; private set; } = null!;

    public FileId Root => Client.Root;

    public FileId A { get; private set; }

    public FileId B { get; private set; }

    public static async Task<SentAgainScene> StartAsync()
    {
        var world = await CoordinatorWorld.StartAsync();
        world.Volume.HasHoles = true;
        var scene = new SentAgainScene(world);
        scene.Client = await scene.World.ClientAsync(1);
        scene.Other = await scene.World.ClientAsync(2);
        (scene.A, _) = await scene.Other.CreateAsync("a");
        (scene.B, _) = await scene.Other.CreateAsync("b");
        await scene.Other.WriteAsync(scene.A, 0, RedirectedData.Pattern(8_192, 1));
        await scene.Other.WriteAsync(scene.B, 0, RedirectedData.Pattern(100, 2));
        await scene.Other.AskAsync<Done>(new SetExtendedAttribute(scene.A, "user.old", new byte[] { 1 }, false, false));
        return scene;
    }

    public Task<VolumeAnswer> SendAsync(RequestId id, SentAgainKind kind) =>
        Client.SendAsync(id, kind.Request(this), kind.Data);

    /// <summary>The coordinator crashes, the next one serves, everybody has come back.</summary>
    public async Task TakeOverAsync()
    {
        await World.TakeOverAsync();
        foreach (var client in new[] { Client, Other })
        {
            await client.MoveToAsync(World.Coordinator);
        }

        await Client.AskAsync<Done>(new ReclaimComplete());
        await Other.AskAsync<Done>(new ReclaimComplete());
    }

    /// <summary>All that programs can see, but times.</summary>
    public async Task<string> DescribeAsync()
    {
        var seen = new StringBuilder();
        var page = await Other.AskAsync<DirectoryPage>(new ListDirectory(Root, null));
        foreach (var entry in page.Entries)
        {
            var attributes = await Other.AttributesAsync(entry.File);
            var content = await Other.ReadAsync(entry.File, 0, 65_536);
            var names = await Other.AskAsync<ExtendedAttributeNames>(new ListExtendedAttributes(entry.File));
            seen.AppendLine(
                CultureInfo.InvariantCulture,
                $"{entry.Name}: {attributes.Size.Value} bytes, mode {attributes.Mode}, links {attributes.LinkCount}, "
                + $"{Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(content))[..12]}, [{string.Join(' ', names.Names)}]");
        }

        return seen.ToString();
    }

    public Task CutAsync(FileId file, long size) => Other.AskAsync<Entry>(new SetSize(file, new ByteCount(size)));

    public ValueTask DisposeAsync() => World.DisposeAsync();
}
