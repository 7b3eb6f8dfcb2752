using System.Threading.Channels;
using Covol.Cluster.Store;
using Covol.Protocol;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;
using Covol.Transport;
using Microsoft.Extensions.Logging;

namespace Covol.Cluster.Ownership;

/// <summary>
/// Drives the ownership machine of one volume: one loop takes inputs from a bounded channel, steps the machine and hands its
/// effects to lanes (store, process, mount), whose results come back as inputs.
/// </summary>
public sealed class VolumeOwnership
{
    private const int InputsMax = 4096;

    private readonly VolumeRecord _volume;
    private readonly OwnershipPorts _ports;
    private readonly OwnershipMachine _machine;
    private readonly ILogger _log;
    private readonly Channel<OwnershipInput> _inputs = Channel.CreateBounded<OwnershipInput>(
        new BoundedChannelOptions(InputsMax) { SingleReader = true });

    private readonly EffectLane _storeLane = new();
    private readonly EffectLane _processLane = new();
    private readonly EffectLane _mountLane = new();
    private volatile VolumeOwnershipState _state;
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public VolumeOwnership(VolumeRecord volume, OwnershipPorts ports)
    {
        _volume = volume;
        _ports = ports;
        _log = ports.Logs.CreateLogger<VolumeOwnership>();
        _machine = new OwnershipMachine(volume.Name, ports.Self, ports.Settings);
        _state = new VolumeOwnershipState(volume, OwnershipStage.Starting, "It has not looked around yet.", null);
    }

    /// <summary>What this node does about the volume. Any thread.</summary>
    public VolumeOwnershipState State => _state;

    public VolumeRecord Volume => _volume;

    /// <summary>Any thread.</summary>
    public void Post(OwnershipInput input) =>
        Invariant.Holds(_inputs.Writer.TryWrite(input), $"Inputs of the ownership of {_volume.Name} pile up.");

    /// <summary>Runs until cancelled. Coordinator processes go on without it.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var started = await _ports.Processes.ObserveAsync(_volume, Post, cancellation).ConfigureAwait(false);
        Task[] parts =
        [
            StepAsync(started, ending.Token),
            _storeLane.RunAsync(ending.Token),
            _processLane.RunAsync(ending.Token),
            _mountLane.RunAsync(ending.Token),
        ];
        var first = await Task.WhenAny(parts).ConfigureAwait(false);
        await ending.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(parts).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // A part only ends by cancellation or by a fault, which is the caller's to see.
        await first.ConfigureAwait(false);
    }

    /// <summary>Hands the volume over, if it is served here, and claims it no more. Ends when nothing of it runs here.</summary>
    public async Task ShutDownAsync(CancellationToken cancellation)
    {
        Post(new ShutdownOrdered());
        await _released.Task.WaitAsync(cancellation).ConfigureAwait(false);
        await Task.WhenAll(_storeLane.FlushAsync(), _processLane.FlushAsync(), _mountLane.FlushAsync())
            .WaitAsync(cancellation).ConfigureAwait(false);
    }

    private async Task StepAsync(Started started, CancellationToken cancellation)
    {
        var effects = new List<OwnershipEffect>();
        var isShuttingDown = false;
        using var timer = _ports.Time.CreateTimer(_ => Post(new TimerFired()), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        OwnershipInput input = started;
        while (true)
        {
            effects.Clear();
            _machine.Step(_ports.Time.Now(), input, effects);
            foreach (var effect in effects)
            {
                CarryOut(effect, timer);
            }

            _state = _state with { Stage = _machine.Stage, Record = _machine.Record };
            isShuttingDown |= input is ShutdownOrdered;
            if (isShuttingDown && _machine is { Stage: OwnershipStage.Waiting, Key: null })
            {
                _released.TrySetResult();
            }

            input = await _inputs.Reader.ReadAsync(cancellation).ConfigureAwait(false);
        }
    }

    private void CarryOut(OwnershipEffect effect, ITimer timer)
    {
        switch (effect)
        {
            case AllocateKey:
                _storeLane.Add(AllocateAsync);
                break;
            case WriteRecord write:
                _storeLane.Add(cancellation => WriteAsync(write, cancellation));
                break;
            case DeleteMoveOrder:
                _storeLane.Add(DeleteOrderAsync);
                break;
            case StartStandby start:
                _processLane.Add(cancellation => TellProcessAsync(_ports.Processes.StartStandbyAsync(_volume, start.Key, cancellation)));
                break;
            case Activate activate:
                var order = new ActivateCoordinator(activate.Epoch, activate.KeysToFence);
                _processLane.Add(
                    cancellation => TellProcessAsync(_ports.Processes.ActivateAsync(_volume.Name, activate.Key, order, cancellation)));
                break;
            case TellEviction tell:
                var eviction = new EvictNode(tell.Node, tell.Incarnation);
                _processLane.Add(
                    cancellation => TellProcessAsync(_ports.Processes.EvictAsync(_volume.Name, tell.Key, eviction, cancellation)));
                break;
            case HandOver handOver:
                _processLane.Add(cancellation => TellProcessAsync(_ports.Processes.HandOverAsync(_volume.Name, handOver.Key, cancellation)));
                break;
            case StopCoordinator stop:
                _processLane.Add(cancellation => TellProcessAsync(_ports.Processes.StopAsync(_volume.Name, stop.Key, cancellation)));
                break;
            case Attach attach:
                _mountLane.Add(cancellation => AttachAsync(attach.Record, cancellation));
                break;
            case Detach:
                _mountLane.Add(DetachAsync);
                break;
            case SetTimer set:
                var wait = set.At - _ports.Time.Now();
                timer.Change(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
                break;
            case Report report:
                _state = _state with { Reason = report.Sentence };
                OwnershipLog.Reported(_log, report.Stage, report.Sentence);
                break;
            default:
                throw new InvalidOperationException($"{effect.GetType().Name} is not carried out.");
        }
    }

    private async Task AllocateAsync(CancellationToken cancellation)
    {
        try
        {
            var key = await _ports.Allocator.NewCoordinatorKeyAsync(_ports.Self, _volume.Number, cancellation).ConfigureAwait(false);
            Post(new KeyAllocated(key));
        }
        catch (Exception failure) when (failure is StoreUnavailableException or StoreRefusedException)
        {
            OwnershipLog.StoreFailed(_log, _volume.Name, failure.Message);
            Post(new KeyAllocated(null));
        }
    }

    private async Task WriteAsync(WriteRecord write, CancellationToken cancellation)
    {
        var key = _ports.Keys.Ownership(_volume.Name);
        var operations = new List<StoreOperation> { new StorePut(key, StoreJson.Write(write.Record)) };
        if (write.DeletesMoveOrder)
        {
            operations.Add(new StoreDelete(_ports.Keys.Move(_volume.Name)));
        }

        try
        {
            var result = await _ports.Store
                .CommitAsync(new StoreTransaction([new StoreCompare(key, write.Expected)], operations), cancellation)
                .ConfigureAwait(false);
            if (result.Succeeded)
            {
                Post(new RecordSeen(result.Revision, write.Record));
            }
            else if (result.Current.Count == 0)
            {
                Post(new RecordSeen(result.Revision, null));
            }
            else
            {
                Post(new RecordSeen(result.Current[0].Revision, StoreJson.Read<OwnershipRecord>(result.Current[0])));
            }

            Post(new WriteAnswered(result.Succeeded));
        }
        catch (Exception failure) when (failure is StoreUnavailableException or StoreRefusedException)
        {
            OwnershipLog.StoreFailed(_log, _volume.Name, failure.Message);
            Post(new WriteAnswered(null));
        }
    }

    private async Task DeleteOrderAsync(CancellationToken cancellation)
    {
        try
        {
            await _ports.Store
                .CommitAsync(new StoreTransaction([], [new StoreDelete(_ports.Keys.Move(_volume.Name))]), cancellation)
                .ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is StoreUnavailableException or StoreRefusedException)
        {
            // The order is still there and will be found fulfilled again at the next start.
            OwnershipLog.StoreFailed(_log, _volume.Name, failure.Message);
        }
    }

    /// <summary>A process that cannot be told any more has ended or is about to: that is told as an input of its own.</summary>
    private async Task TellProcessAsync(Task telling)
    {
        try
        {
            await telling.ConfigureAwait(false);
        }
        catch (IOException failure)
        {
            OwnershipLog.ProcessFailed(_log, _volume.Name, failure.Message);
        }
    }

    private async Task AttachAsync(OwnershipRecord record, CancellationToken cancellation)
    {
        try
        {
            var reachable = record.Owner is { } owner ? record with { Endpoints = [.. Reachable(record, owner)] } : record;
            await _ports.Attachments.AttachAsync(_volume, reachable, cancellation).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or FormatException)
        {
            OwnershipLog.MountFailed(_log, _volume.Name, failure.Message);
        }
    }

    /// <summary>A mount must not take whoever answers at the address for the coordinator: it is told whose certificate to expect.</summary>
    private IEnumerable<string> Reachable(OwnershipRecord record, NodeId owner) => record.Endpoints
        .Where(endpoint => owner == _ports.Self || !endpoint.StartsWith("unix:", StringComparison.Ordinal))
        .Select(endpoint => PeerEndpoint.Named(endpoint, owner));

    private async Task DetachAsync(CancellationToken cancellation)
    {
        try
        {
            await _ports.Attachments.DetachAsync(_volume, cancellation).ConfigureAwait(false);
        }
        catch (IOException failure)
        {
            OwnershipLog.MountFailed(_log, _volume.Name, failure.Message);
        }
    }
}
