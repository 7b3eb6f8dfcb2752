using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.VolumeClient;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.Growth;

/// <summary>The real volume client of one node over the coordinator's Unix socket, its key registered at the LUN.</summary>
internal sealed class GrowthNode : IAsyncDisposable
{
    private static readonly ReservationKey s_key = new(0xD001);
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private readonly ILun _lun;

    private GrowthNode(GrowthVolume volume)
    {
        _lun = FileLun.Open(volume.LunPath, NullLogger.Instance);
        _lun.Register(s_key);
        Volume = new NodeVolume(
            new VolumeClientSettings(GrowthVolume.Name, new NodeId(1), Guid.NewGuid(), s_key),
            new TransportConnections(null, TimeProvider.System),
            new BootTimeClock(),
            TimeProvider.System,
            NullLogger<NodeVolume>.Instance);
    }

    public NodeVolume Volume { get; }

    public static async Task<GrowthNode> ConnectAsync(GrowthVolume volume)
    {
        var node = new GrowthNode(volume);
        await node.FollowAsync(volume);
        return node;
    }

    /// <summary>Goes on at the volume's present coordinator; ends when it may ask there again.</summary>
    public async Task FollowAsync(GrowthVolume volume)
    {
        Volume.SetCoordinator(volume.Epoch, [volume.Endpoint]);
        using var limit = new CancellationTokenSource(s_limit);
        await Volume.ConnectedAsync(limit.Token);
        await Volume.AskAsync<VolumeSpace>(new GetSpace()).AsTask().WaitAsync(limit.Token);
    }

    /// <summary>Open, its layout asked for.</summary>
    public async Task<OpenFile> OpenAsync(FileId file)
    {
        var (handle, attributes) = await Volume.OpenAsync(file, OpenAccess.ReadWrite, truncate: false);
        Volume.ExpectData(handle, attributes.Size);
        return handle;
    }

    /// <summary>Ends when all have theirs. Looks now and then: a loop without a pause would take the processor from who makes them.</summary>
    public static async Task LayoutsAsync(IReadOnlyList<OpenFile> handles)
    {
        using var limit = new CancellationTokenSource(s_limit);
        foreach (var handle in handles)
        {
            while (!handle.HasLayout)
            {
                await Task.Delay(1, limit.Token);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Volume.DisposeAsync();
        _lun.Dispose();
    }
}
