using Covol.Protocol.Ids;
using Covol.Transport;
using Microsoft.Extensions.Logging;

namespace Covol.VolumeClient;

/// <summary>
/// Keeps one session alive: connects, opens or resumes, reclaims after a takeover, renews the lease, and carries requests
/// exactly once over whatever connections and coordinators it takes.
/// <code>
///            SetCoordinator            connected          SessionOpened        in grace: reclaimed
///   no route ──────────────► connecting ────────► opening ─────────────► (reclaiming) ───────────► linked
///                                ▲                   │ refused, lost          │ lost                  │ lost, WrongEpoch,
///                                └───── backoff ◄────┴────────────────────────┴───────────────────────┘ NotServing, new route
/// </code>
/// Requests wait while there is no link, up to the administrator's limit.
/// </summary>
internal sealed partial class SessionKeeper : IAsyncDisposable
{
    private static readonly TimeSpan s_graceAskAgain = TimeSpan.FromMilliseconds(50);

    private readonly VolumeClientSettings _settings;
    private readonly IConnectionSource _source;
    private readonly IMonotonicClock _clock;
    private readonly TimeProvider _time;
    private readonly ISessionEvents _events;
    private readonly LeaseClock _lease;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();

    private CoordinatorRoute? _route;
    private CancellationTokenSource _overtaken = new();
    private TaskCompletionSource _routeChanged = NewSignal();
    private SessionLink? _link;
    private TaskCompletionSource _linked = NewSignal();
    private ClientSession? _session;
    private Epoch _reclaimedAt;
    private TimeSpan _leaseLength;
    private volatile string _waitingFor = "It has not been told who coordinates the volume.";
    private Task _loop = Task.CompletedTask;

    public SessionKeeper(
        VolumeClientSettings settings,
        IConnectionSource source,
        IMonotonicClock clock,
        TimeProvider time,
        LeaseClock lease,
        ISessionEvents events,
        ILogger log)
    {
        _settings = settings;
        _source = source;
        _clock = clock;
        _time = time;
        _lease = lease;
        _events = events;
        _log = log;
    }

    /// <summary>The link in use; null while there is none.</summary>
    public SessionLink? Link
    {
        get
        {
            lock (_gate)
            {
                return _link;
            }
        }
    }

    /// <summary>What the session waits for, as a sentence.</summary>
    public string WaitingFor => _waitingFor;

    /// <summary>The newest epoch the control plane named.</summary>
    public Epoch Epoch
    {
        get
        {
            lock (_gate)
            {
                return _route?.Epoch ?? default;
            }
        }
    }

    public void Start() => _loop = BackgroundWork.Guarded(RunAsync);

    /// <summary>The higher epoch wins; the same epoch may bring other endpoints. Any thread.</summary>
    public void SetCoordinator(CoordinatorRoute route)
    {
        CancellationTokenSource? overtaken = null;
        TaskCompletionSource changed;
        lock (_gate)
        {
            if (_route is { } known && (route.Epoch.Value < known.Epoch.Value
                || (route.Epoch == known.Epoch && route.Endpoints.SequenceEqual(known.Endpoints))))
            {
                return;
            }

            if (route.Epoch != _route?.Epoch)
            {
                overtaken = _overtaken;
                _overtaken = new CancellationTokenSource();
            }

            _route = route;
            changed = _routeChanged;
            _routeChanged = NewSignal();
        }

        changed.TrySetResult();

        // Whatever is asked of an older coordinator ends here, however long that one would take to answer.
        overtaken?.Cancel();
    }

    /// <summary>Waits for a link.</summary>
    public async ValueTask<SessionLink> LinkAsync(CancellationToken cancellation)
    {
        while (true)
        {
            Task linked;
            lock (_gate)
            {
                if (_link is { } link && !link.Retired.IsCompleted)
                {
                    return link;
                }

                // A retired link stays until it has been cleaned up; its signal is spent, and waiting for it would be spinning.
                RenewSignal();
                linked = _linked.Task;
            }

            await linked.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        await SettledAsync().ConfigureAwait(false);
    }

    /// <summary>Under the gate. Who waits for the next link already keeps the signal it waits for.</summary>
    private void RenewSignal()
    {
        if (_linked.Task.IsCompleted)
        {
            _linked = NewSignal();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task RunAsync()
    {
        var backoff = _settings.BackoffMin;
        try
        {
            while (true)
            {
                var (route, newer) = await RouteAsync().ConfigureAwait(false);
                using var overtaken = CancellationTokenSource.CreateLinkedTokenSource(newer, _stop.Token);
                try
                {
                    if (await TryServeAsync(route, overtaken.Token).ConfigureAwait(false))
                    {
                        backoff = _settings.BackoffMin;
                    }
                }
                catch (OperationCanceledException) when (!_stop.IsCancellationRequested && overtaken.IsCancellationRequested)
                {
                    // On to the newer coordinator.
                    backoff = _settings.BackoffMin;
                }

                await PauseAsync(route, backoff).ConfigureAwait(false);
                backoff = backoff * 2 < _settings.BackoffMax ? backoff * 2 : _settings.BackoffMax;
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The only way out.
        }
    }

    /// <summary>Waits for a route. The token ends when a higher epoch is told.</summary>
    private async Task<(CoordinatorRoute Route, CancellationToken Newer)> RouteAsync()
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_route is { } route)
                {
                    return (route, _overtaken.Token);
                }

                changed = _routeChanged.Task;
            }

            await changed.WaitAsync(_stop.Token).ConfigureAwait(false);
        }
    }

    /// <summary>Waits a little before the next try, but no longer than until a new route is told.</summary>
    private async Task PauseAsync(CoordinatorRoute tried, TimeSpan pause)
    {
        Task changed;
        lock (_gate)
        {
            if (!ReferenceEquals(_route, tried))
            {
                return;
            }

            changed = _routeChanged.Task;
        }

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        await Task.WhenAny(changed, Task.Delay(pause, _time, ended.Token)).ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        _stop.Token.ThrowIfCancellationRequested();
    }

    /// <summary>
    /// Goes through the endpoints until one serves; true when it did, after it has ended. The token ends when a higher epoch is
    /// told, which leaves no try of this route any use, or the volume is given up.
    /// </summary>
    private async Task<bool> TryServeAsync(CoordinatorRoute route, CancellationToken overtaken)
    {
        foreach (var endpoint in route.Endpoints)
        {
            IVolumeConnection connection;
            try
            {
                using var limit = new CancellationTokenSource(_settings.ConnectLimit, _time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, overtaken);
                connection = await _source.ConnectAsync(_settings.Volume, endpoint, _events.Noticed, either.Token)
                    .ConfigureAwait(false);
            }
            catch (Exception failure) when (failure is IOException or System.Net.Sockets.SocketException
                || (failure is OperationCanceledException && !overtaken.IsCancellationRequested))
            {
                _waitingFor = $"The coordinator does not answer at {endpoint}: {failure.Message}";
                VolumeClientLog.ConnectFailed(_log, _settings.Volume, endpoint, failure.Message);
                continue;
            }

            await using (connection.ConfigureAwait(false))
            {
                try
                {
                    if (await OpenAsync(route, connection, overtaken).ConfigureAwait(false) is { } link)
                    {
                        await ServeAsync(link, endpoint, overtaken).ConfigureAwait(false);
                        return true;
                    }
                }
                catch (IOException lost)
                {
                    _waitingFor = lost.Message;
                    VolumeClientLog.ConnectFailed(_log, _settings.Volume, endpoint, lost.Message);
                }
            }
        }

        return false;
    }

    private async Task ServeAsync(SessionLink link, string endpoint, CancellationToken overtaken)
    {
        TaskCompletionSource linked;
        lock (_gate)
        {
            _link = link;
            linked = _linked;
        }

        linked.TrySetResult();
        VolumeClientLog.Linked(_log, _settings.Volume, endpoint, link.Epoch.Value);
        using var outdated = overtaken.UnsafeRegister(
            static it => ((SessionLink)it!).Retire("The volume has a newer coordinator, or is given up on this node."), link);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(overtaken);
        var renewals = RenewAsync(link, ended.Token);
        string reason;
        try
        {
            reason = await (await Task.WhenAny(link.Retired, link.Connection.Closed).ConfigureAwait(false)).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                _link = null;
                RenewSignal();
            }

            link.Retire("The link ended.");
            await ended.CancelAsync().ConfigureAwait(false);
            await renewals.ConfigureAwait(false);
        }

        _waitingFor = reason;
        VolumeClientLog.LinkEnded(_log, _settings.Volume, reason);
        _stop.Token.ThrowIfCancellationRequested();
    }
}
