using System.Diagnostics;
using Covol.Coordinator;
using Covol.Ntfs;
using Covol.Protocol.Ids;
using Covol.Tests.Ntfs.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;

namespace Covol.Tests.Coordinator.Support;

/// <summary>A coordinator over the real NTFS engine and its journal, on a LUN in memory; and the next one after a crash.</summary>
internal sealed class EngineWorld : IAsyncDisposable
{
    private readonly CoordinatorOptions _options;
    private MetadataThread _metadata = null!;
    private NtfsVolume _volume = null!;
    private long _epoch = 6;

    private EngineWorld(SnapshotDevice device, CoordinatorOptions options) => (Lun, _options) = (new EngineLun(device), options);

    public ManualTime Time { get; } = new();

    public EngineLun Lun { get; }

    public VolumeCoordinator Coordinator { get; private set; } = null!;

    public string? FailedBecause { get; private set; }

    public static async Task<EngineWorld> StartAsync(SnapshotDevice? device = null, CoordinatorOptions? options = null)
    {
        var world = new EngineWorld(device ?? FormattedVolume.Small(), options ?? new CoordinatorOptions());
        await world.StartCoordinatorAsync();
        return world;
    }

    public async Task<TestClient> ClientAsync(int node)
    {
        var client = new TestClient(Coordinator, node);
        Lun.Register(client.DataKey);
        return await client.BeginAsync();
    }

    /// <summary>Asked of the engine itself, between two of the coordinator's jobs.</summary>
    public Task<IReadOnlyList<FileId>> OrphansAsync() => _metadata.RunAsync(_volume.Orphans);

    public async Task UntilAsync(Func<Task<bool>> condition)
    {
        var deadline = Stopwatch.StartNew();
        while (!await condition())
        {
            FailedBecause.ShouldBeNull();
            deadline.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20), "The condition did not come true.");
            await Task.Yield();
        }
    }

    /// <summary>The coordinator dies with whatever is not committed; another one recovers the volume.</summary>
    public async Task TakeOverAsync()
    {
        await StopAsync();
        await StartCoordinatorAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Lun.Dispose();
    }

    private async Task StopAsync()
    {
        await Coordinator.DisposeAsync();
        await _metadata.RunAsync(_volume.Dispose);
        _metadata.Dispose();
    }

    private async Task StartCoordinatorAsync()
    {
        _epoch++;
        var own = new ReservationKey(0xC000 + (ulong)_epoch);
        Lun.Register(own);
        _metadata = new MetadataThread("test");
        (_volume, var recovery) = await _metadata.RunAsync(() => NtfsVolume.Open(Lun, new Epoch(_epoch), NtfsOptions.Default));
        Coordinator = new VolumeCoordinator(new CoordinatorParts
        {
            VolumeName = "Volume1",
            Epoch = new Epoch(_epoch),
            Volume = _volume,
            Metadata = _metadata,
            Recovered = recovery,
            Lun = Lun,
            Reservations = Lun,
            OwnKey = own,
            OwnKeyLife = new ListedOwnKey(Lun, own),
            Time = Time,
            Loggers = NullLoggerFactory.Instance,
            Options = _options,
            Failed = (reason, _) => FailedBecause = reason,
        });
        await Coordinator.StartAsync();
    }
}
