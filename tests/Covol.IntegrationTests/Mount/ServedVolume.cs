using Covol.Coordinator;
using Covol.Coordinator.OwnKey;
using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Transport;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.IntegrationTests.Mount;

/// <summary>A formatted LUN file and a coordinator that serves it on a Unix socket, all in this process.</summary>
internal sealed partial class ServedVolume : IAsyncDisposable
{
    private static readonly NodeId s_node = new(1);
    private readonly ILun _lun;
    private readonly MetadataThread _metadata;
    private readonly NtfsVolume _volume;
    private readonly VolumeCoordinator _coordinator;
    private readonly CountedVolume _counted;
    private readonly List<VolumeListener> _listeners;
    private bool _isDisposed;

    private ServedVolume(
        Epoch epoch,
        ILun lun,
        MetadataThread metadata,
        NtfsVolume volume,
        VolumeCoordinator coordinator,
        CountedVolume counted,
        VolumeListener listener,
        string endpoint)
    {
        Epoch = epoch;
        Endpoint = endpoint;
        _lun = lun;
        _metadata = metadata;
        _volume = volume;
        _coordinator = coordinator;
        _counted = counted;
        _listeners = [listener];
    }

    public Epoch Epoch { get; }

    public string Endpoint { get; }

    public static void Format(string path, long mebibytes)
    {
        FileLun.CreateBacking(path, ByteCount.FromMebibytes(mebibytes));
        using var lun = FileLun.Open(path, NullLogger.Instance);
        lun.Register(new ReservationKey(0xF0));
        NtfsFormatter.Format(lun, new NtfsFormatOptions { Label = "Volume1", TemporaryFolder = Path.GetDirectoryName(path) });
        lun.Unregister();
    }

    public static async Task<ServedVolume> StartAsync(string lunPath, string socket, long number, ILoggerFactory loggers)
    {
        var epoch = new Epoch(number);
        var own = new ReservationKey(0xC000 + (ulong)number);
        var lun = FileLun.Open(lunPath, NullLogger.Instance);
        lun.Register(own);
        lun.Reserve();
        var metadata = new MetadataThread("Volume1");
        var (volume, recovery) = await metadata.RunAsync(() => NtfsVolume.Open(lun, epoch, NtfsOptions.Default));
        var coordinator = new VolumeCoordinator(new CoordinatorParts
        {
            VolumeName = "Volume1",
            Epoch = epoch,
            Volume = volume,
            Metadata = metadata,
            Recovered = recovery,
            Lun = lun,
            Reservations = lun,
            OwnKey = own,
            OwnKeyLife = new CountedOwnKey(lun),
            Time = TimeProvider.System,
            Loggers = loggers,
            Failed = (reason, failure) => CoordinatorFailed(loggers.CreateLogger<ServedVolume>(), reason, failure),
        });
        await coordinator.StartAsync();
        var endpoint = PeerEndpoint.Unix(socket);
        var counted = new CountedVolume(coordinator);
        var listener = VolumeListener.Start(
            [endpoint],
            counted,
            s_node,
            null,
            ConnectionOptions.Default with { Volume = "Volume1" },
            TimeProvider.System,
            NullLogger.Instance);
        return new ServedVolume(epoch, lun, metadata, volume, coordinator, counted, listener, endpoint.ToString());
    }

    [LoggerMessage(1, LogLevel.Error, "The test's coordinator failed: {Reason}")]
    private static partial void CoordinatorFailed(ILogger log, string reason, Exception? failure);

    /// <summary>Requests of this kind that the coordinator has been asked so far, by all nodes.</summary>
    public int AskedFor<T>()
        where T : VolumeRequest => _counted.AskedFor<T>();

    public Task<CoordinatorState> StateAsync() => _coordinator.GetStateAsync();

    public Task HandOverAsync() => _coordinator.HandOverAsync();

    /// <summary>A socket on which whoever comes is another node.</summary>
    public string ListenFor(NodeId node, string socket)
    {
        var endpoint = PeerEndpoint.Unix(socket);
        _listeners.Add(VolumeListener.Start(
            [endpoint],
            _counted,
            node,
            null,
            ConnectionOptions.Default with { Volume = "Volume1" },
            TimeProvider.System,
            NullLogger.Instance));
        return endpoint.ToString();
    }

    /// <summary>A second call does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        await _coordinator.DisposeAsync();
        foreach (var listener in _listeners)
        {
            await listener.DisposeAsync();
        }

        await _metadata.RunAsync(_volume.Dispose);
        _metadata.Dispose();
        _lun.Dispose();
    }
}
