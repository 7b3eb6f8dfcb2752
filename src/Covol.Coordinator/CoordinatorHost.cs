using System.Security.Authentication;
using Covol.Coordinator.OwnKey;
using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Transport;
using Covol.Transport.Control;
using Microsoft.Extensions.Logging;

namespace Covol.Coordinator;

/// <summary>
/// One coordinator process: fences its predecessors, recovers the volume, serves it, and ends in order or fails.
/// <code>
///   Starting ─► (Standby) ─► Fencing ─► Recovering ─► (Grace) ─► Serving ─► HandingOver ─► exit status 0
///       └───────────┴───────────┴───────────┴──────────┴──► Failed ─► exit status 1, at once
/// </code>
/// </summary>
public sealed class CoordinatorHost : IControlService
{
    /// <summary>How long the holder of an older coordinator's key may take to end its I/O before it is ended.</summary>
    private static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(5);

    /// <summary>How long a coordinator that failed may take to close what it had.</summary>
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(2);

    private readonly CoordinatorConfiguration _configuration;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _log;
    private readonly TaskCompletionSource<string> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _handedOver = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<VolumeCoordinator> _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<ActivateCoordinator> _activated = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CoordinatorPhase _phase = CoordinatorPhase.Starting;
    private Epoch _epoch;
    private string _reason = "";
    private volatile VolumeCoordinator? _coordinator;
    private volatile OnlineChecks? _checks;

    private CoordinatorHost(CoordinatorConfiguration configuration, ILoggerFactory loggers)
    {
        _configuration = configuration;
        _loggers = loggers;
        _log = loggers.CreateLogger<CoordinatorHost>();
    }

    /// <summary>
    /// Runs until it is told to hand over or to stop (by the control socket or <paramref name="stop"/>), or cannot go on.
    /// Answers the
    /// process's exit status; the process ends with it at once, because after a failure threads may still be inside the LUN.
    /// </summary>
    public static Task<int> RunAsync(CoordinatorConfiguration configuration, ILoggerFactory loggers, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(loggers);
        return new CoordinatorHost(configuration, loggers).RunAsync(stop);
    }

    /// <summary>Asked by the control plane, from any thread.</summary>
    public async ValueTask<ControlAnswer> AskAsync(ControlRequest request, CancellationToken cancellation)
    {
        switch (request)
        {
            case QueryCoordinator:
                return new ControlAnswer(true, CoordinatorState: await StateAsync());
            case Activate activate:
                return _activated.TrySetResult(activate.Order) || (await _activated.Task).Epoch == activate.Order.Epoch
                    ? ControlAnswer.Done
                    : ControlAnswer.Refused($"This coordinator serves under {(await _activated.Task).Epoch} and no other.");
            case Evict evict:
                return await EvictAsync(evict.Order, cancellation);
            case CheckVolume:
                return _checks is { } checks
                    ? await checks.RunAsync(cancellation)
                    : ControlAnswer.Refused($"The coordinator of {_configuration.Volume} does not serve it yet; check it again in a moment.");
            case HandOver or Stop:
                _asked.TrySetResult();
                if (await Task.WhenAny(_handedOver.Task, _failed.Task) == _failed.Task)
                {
                    return ControlAnswer.Refused($"The coordinator failed: {await _failed.Task}");
                }

                return ControlAnswer.Done;
            default:
                return ControlAnswer.Refused($"A coordinator does not carry out {request?.GetType().Name}.");
        }
    }

    /// <summary>One that recovers the volume still does it as soon as there are sessions, and before their grace has to end.</summary>
    private async Task<ControlAnswer> EvictAsync(EvictNode order, CancellationToken cancellation)
    {
        await Task.WhenAny(_started.Task, _failed.Task, _asked.Task).WaitAsync(cancellation);
        if (!_started.Task.IsCompleted || _failed.Task.IsCompleted)
        {
            return ControlAnswer.Refused($"The coordinator of {_configuration.Volume} ends before it serves; its successor is told.");
        }

        try
        {
            await (await _started.Task).EvictAsync(order.Node, order.Incarnation).WaitAsync(cancellation);
            return ControlAnswer.Done;
        }
        catch (ConnectionLostException failure)
        {
            return ControlAnswer.Refused(failure.Message);
        }
    }

    private async Task<int> RunAsync(CancellationToken stop)
    {
        var running = RunInOrderAsync(stop);
        if (await Task.WhenAny(running, _failed.Task) == _failed.Task)
        {
            // Threads may hang inside the LUN for good: what does not end by itself ends with the process.
            await Task.WhenAny(running, Task.Delay(s_endLimit, CancellationToken.None));
            return 1;
        }

        return await running;
    }

    private async Task<int> RunInOrderAsync(CancellationToken stop)
    {
        await using var stopping = stop.Register(() => _asked.TrySetResult());
        try
        {
            await using var control = ControlServer.Start(_configuration.ControlSocket, this, _loggers.CreateLogger<ControlServer>());
            using var lun = LunUri.Parse(_configuration.LunUri).Open(_loggers.CreateLogger<FileLun>());
            using var metadata = new MetadataThread(_configuration.Volume);
            return await ServeAsync(lun, metadata);
        }
        catch (Exception failure) when (failure is LunException or NtfsRefusedException or IOException or AuthenticationException
            or FormatException or InvalidDataException or UnauthorizedAccessException)
        {
            Enter(CoordinatorPhase.Failed, failure.Message);
            CoordinatorLog.Failed(_log, failure, _configuration.Volume, failure.Message);
            _failed.TrySetResult(failure.Message);
            return 1;
        }
    }

    private async Task<int> ServeAsync(ILun lun, MetadataThread metadata)
    {
        if (await AwaitEpochAsync(lun, metadata) is not { } order)
        {
            await metadata.RunAsync(lun.Unregister);
            _handedOver.TrySetResult();
            return 0;
        }

        _epoch = order.Epoch;
        Enter(CoordinatorPhase.Fencing, $"{order.KeysToFence.Count} older keys are fenced.");
        await metadata.RunAsync(() => TakeLun(lun, order.KeysToFence));

        Enter(CoordinatorPhase.Recovering, "The journal is replayed.");
        var options = NtfsOptions.Default with
        {
            DefaultOwner = _configuration.DefaultOwner,
            DefaultGroup = _configuration.DefaultGroup,
        };
        var (volume, recovery) = await metadata.RunAsync(() => NtfsVolume.Open(lun, order.Epoch, options));

        await using var coordinator = new VolumeCoordinator(new CoordinatorParts
        {
            VolumeName = _configuration.Volume,
            Epoch = order.Epoch,
            Volume = volume,
            Metadata = metadata,
            Recovered = recovery,
            Lun = lun,
            Reservations = lun,
            OwnKey = _configuration.CoordinatorKey,

            // LunUri opens LUNs whose keys this machine counts; a SCSI LUN needs a lease here (IOwnKey).
            OwnKeyLife = new CountedOwnKey(lun),
            Time = TimeProvider.System,
            Loggers = _loggers,
            Failed = (reason, _) => _failed.TrySetResult(reason),
        });
        await coordinator.StartAsync();
        _coordinator = coordinator;
        await using var checks = new OnlineChecks(_configuration.Volume, volume, metadata, TimeProvider.System);
        _checks = checks;
        _started.TrySetResult(coordinator);

        using var identity = _configuration.Tls is { } files ? TlsIdentity.Load(files) : null;
        await using var listener = VolumeListener.Start(
            [.. _configuration.Endpoints.Select(PeerEndpoint.Parse)],
            coordinator,
            _configuration.Node,
            identity,
            ConnectionOptions.Default with { Volume = _configuration.Volume },
            TimeProvider.System,
            _loggers.CreateLogger<VolumeListener>());

        var first = await Task.WhenAny(_asked.Task, _failed.Task, listener.Completion);
        if (first != _asked.Task || _failed.Task.IsCompleted)
        {
            return await EndFailedAsync(listener);
        }

        var handingOver = coordinator.HandOverAsync();
        if (await Task.WhenAny(handingOver, _failed.Task) == _failed.Task)
        {
            return await EndFailedAsync(listener);
        }

        await handingOver;
        await checks.DisposeAsync();
        await listener.DisposeAsync();
        await metadata.RunAsync(volume.Dispose);
        await metadata.RunAsync(lun.Unregister);
        _handedOver.TrySetResult();
        CoordinatorLog.HandedOver(_log, _configuration.Volume, _epoch);
        return 0;
    }

    private async Task<int> EndFailedAsync(VolumeListener listener)
    {
        var reason = _failed.Task.IsCompleted
            ? await _failed.Task
            : listener.Completion.Exception?.InnerException?.Message ?? "The listener ended.";
        _failed.TrySetResult(reason);
        Enter(CoordinatorPhase.Failed, reason);
        return 1;
    }

    /// <summary>
    /// Registers the key, which is always allowed, and waits for the epoch that names it: nothing is written before (SAFETY 2). Null:
    /// told to end instead.
    /// </summary>
    private async Task<ActivateCoordinator?> AwaitEpochAsync(ILun lun, MetadataThread metadata)
    {
        await metadata.RunAsync(() => lun.Register(_configuration.CoordinatorKey));
        if (_configuration.Epoch.Value > 0)
        {
            return new ActivateCoordinator(_configuration.Epoch, _configuration.KeysToFence);
        }

        Enter(CoordinatorPhase.Standby, "Its key is registered; it waits for an epoch that names it.");
        await Task.WhenAny(_activated.Task, _asked.Task);
        return _activated.Task.IsCompleted ? await _activated.Task : null;
    }

    /// <summary>Reserves, fences every older coordinator, looks. Only then is anything written.</summary>
    private void TakeLun(ILun lun, IReadOnlyList<ReservationKey> older)
    {
        var own = _configuration.CoordinatorKey;
        lun.Reserve();
        foreach (var key in older)
        {
            lun.PreemptAndAbort(own, key, s_drainLimit);
        }

        var keys = lun.ReadKeys();
        if (!keys.Contains(own))
        {
            throw new LunException(
                LunError.ReservationConflict, $"{own} is not registered any more: a coordinator of a higher epoch took the LUN.");
        }

        foreach (var key in older)
        {
            if (keys.Contains(key))
            {
                throw new LunException(
                    LunError.ReservationConflict, $"{key} of an older coordinator is registered still; nothing was written. Start again.");
            }
        }
    }

    private void Enter(CoordinatorPhase phase, string reason)
    {
        _phase = phase;
        _reason = reason;
        CoordinatorLog.PhaseChanged(_log, _configuration.Volume, phase, _epoch, reason);
    }

    private async Task<CoordinatorState> StateAsync()
    {
        if (_coordinator is { } coordinator && !_failed.Task.IsCompleted)
        {
            try
            {
                return await coordinator.GetStateAsync();
            }
            catch (ConnectionLostException)
            {
                // It has ended meanwhile; what is known here tells how.
                return new CoordinatorState(_configuration.Volume, _epoch, _phase, _reason, 0, 0, 0, 0);
            }
        }

        var failure = _failed.Task.IsCompleted ? await _failed.Task : null;
        return new CoordinatorState(
            _configuration.Volume, _epoch, failure is null ? _phase : CoordinatorPhase.Failed, failure ?? _reason, 0, 0, 0, 0);
    }
}
