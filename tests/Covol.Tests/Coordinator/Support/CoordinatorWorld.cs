using System.Diagnostics;
using Covol.Coordinator;
using Covol.Ntfs;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.Tests.Coordinator.Support;

/// <summary>A coordinator over a volume and a LUN in memory, its clock, and the next coordinator after a crash.</summary>
internal sealed class CoordinatorWorld : IAsyncDisposable
{
    private readonly CoordinatorOptions _options;
    private MetadataThread _metadata = null!;
    private long _epoch = 6;

    private CoordinatorWorld(CoordinatorOptions options, int clusters)
    {
        _options = options;
        Lun = new ArrayLun(clusters * ModelVolume.Cluster);
        Volume = new ModelVolume(clusters);
    }

    public ManualTime Time { get; } = new();

    public ArrayLun Lun { get; }

    public ModelVolume Volume { get; }

    public VolumeCoordinator Coordinator { get; private set; } = null!;

    /// <summary>The key of the coordinator that serves now.</summary>
    public ReservationKey OwnKey => new(0xC000 + (ulong)_epoch);

    public string? FailedBecause { get; private set; }

    public static async Task<CoordinatorWorld> StartAsync(CoordinatorOptions? options = null, int clusters = 1024)
    {
        var world = new CoordinatorWorld(options ?? new CoordinatorOptions(), clusters);
        await world.StartCoordinatorAsync();
        return world;
    }

    public async Task<TestClient> ClientAsync(int node, bool takesAttributeLeases = false)
    {
        var client = new TestClient(Coordinator, node) { TakesAttributeLeases = takesAttributeLeases };
        Lun.Register(client.DataKey);
        return await client.BeginAsync();
    }

    /// <summary>The coordinator dies with whatever is not committed; another one starts from the journal.</summary>
    public async Task TakeOverAsync()
    {
        await Coordinator.DisposeAsync();
        _metadata.Dispose();
        Volume.Crash();
        await StartCoordinatorAsync();
    }

    /// <summary>Moves the clock in steps until a condition holds, as waiting would.</summary>
    public async Task UntilAsync(Func<bool> condition, TimeSpan? step = null)
    {
        var deadline = Stopwatch.StartNew();
        while (!condition())
        {
            if (deadline.Elapsed > TimeSpan.FromSeconds(20))
            {
                throw new TimeoutException("The condition did not come true.");
            }

            Time.Advance(step ?? TimeSpan.Zero);
            await Coordinator.GetStateAsync();
            await Task.Yield();
        }
    }

    /// <summary>Waits until the coordinator has failed; its clients may hear of it first.</summary>
    public async Task<string> FailedAsync()
    {
        var deadline = Stopwatch.StartNew();
        while (FailedBecause is null)
        {
            if (deadline.Elapsed > TimeSpan.FromSeconds(20))
            {
                throw new TimeoutException("The coordinator did not fail.");
            }

            await Task.Yield();
        }

        return FailedBecause;
    }

    /// <summary>Waits for what the coordinator says of itself.</summary>
    public async Task UntilStateAsync(Func<CoordinatorState, bool> condition)
    {
        var deadline = Stopwatch.StartNew();
        while (!condition(await Coordinator.GetStateAsync()))
        {
            if (deadline.Elapsed > TimeSpan.FromSeconds(20))
            {
                throw new TimeoutException("The coordinator did not come to the state.");
            }

            await Task.Yield();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Coordinator.DisposeAsync();
        _metadata.Dispose();
        Lun.Dispose();
    }

    private async Task StartCoordinatorAsync()
    {
        _epoch++;
        var own = OwnKey;
        Lun.Register(own);
        _metadata = new MetadataThread("test");
        Coordinator = new VolumeCoordinator(new CoordinatorParts
        {
            VolumeName = "Volume1",
            Epoch = new Epoch(_epoch),
            Volume = Volume,
            Metadata = _metadata,
            Recovered = Volume.Recover(),
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
