using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.VolumeClient;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.Tests.VolumeClient;

/// <summary>One node's volume client and the coordinators it may find.</summary>
internal sealed class ClientWorld : IAsyncDisposable
{
    public const string Endpoint = "unix:first";
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(20);

    public ClientWorld(
        TimeSpan? ioWaitLimit = null,
        TimeProvider? time = null,
        TimeSpan? renewEvery = null,
        bool fencesLateWrites = true,
        bool bindsHandles = true,
        int lunBlockSize = 512)
    {
        Connections.There[Endpoint] = Coordinator;
        Volume = new NodeVolume(
            new VolumeClientSettings("Volume1", new NodeId(1), Guid.Empty, new ReservationKey(0x11))
            {
                IoWaitLimit = ioWaitLimit ?? s_deadline,
                LayoutAgainEvery = TimeSpan.Zero,
                BackoffMin = TimeSpan.FromMilliseconds(1),
                BackoffMax = TimeSpan.FromMilliseconds(5),
                RenewEvery = renewEvery ?? TimeSpan.FromMilliseconds(20),
                LunBlockSize = lunBlockSize,
                RoomWait = TimeSpan.FromSeconds(3),
                FencesLateWrites = fencesLateWrites,
                BindsHandles = bindsHandles,
            },
            Connections,
            Clock,
            time ?? TimeProvider.System,
            NullLogger<NodeVolume>.Instance);
    }

    public FakeClock Clock { get; } = new();

    public FakeConnections Connections { get; } = new();

    public FakeCoordinator Coordinator { get; } = new(1);

    public NodeVolume Volume { get; }

    public async Task ConnectAsync()
    {
        Volume.SetCoordinator(new Epoch(1), [Endpoint]);
        using var limit = new CancellationTokenSource(s_deadline);
        await Volume.ConnectedAsync(limit.Token);
    }

    /// <summary>A file of 1 MiB, open, with its layout published.</summary>
    public async Task<OpenFile> OpenDirectAsync(OpenAccess access = OpenAccess.ReadWrite, int number = 70)
    {
        var file = Coordinator.AddFile(number, 1 << 20);
        var (handle, attributes) = await Volume.OpenAsync(file, access, truncate: false);
        Volume.ExpectData(handle, attributes.Size);
        await UntilAsync(() => handle.HasLayout);
        return handle;
    }

    public static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(s_deadline);
        while (!await condition())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    /// <summary>
    /// Gives what must not happen time to happen. Only how surely a broken guard is found hangs on it, never whether a test passes.
    /// </summary>
    public static Task SettledAsync()
    {
        var until = Environment.TickCount64 + 100;
        return UntilAsync(() => Environment.TickCount64 >= until);
    }

    /// <summary>The coordinator of the next epoch takes over.</summary>
    public FakeCoordinator TakeOver(Action<FakeCoordinator>? prepare = null)
    {
        var next = Coordinator.Successor(Volume.Describe().Epoch.Value + 1);
        prepare?.Invoke(next);
        Connections.There["unix:next"] = next;
        Volume.SetCoordinator(next.Epoch, ["unix:next"]);
        return next;
    }

    public static LayoutSnapshot PinForRead(OpenFile handle)
    {
        if (!handle.TryMapRead(FileByteOffset.Zero, 4096, new LunSegment[4], out _, out var pinned))
        {
            throw new InvalidOperationException("The test's file has no layout.");
        }

        return pinned;
    }

    public async ValueTask DisposeAsync() => await Volume.DisposeAsync().AsTask().WaitAsync(s_deadline);
}
