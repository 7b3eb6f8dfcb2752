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
    private readonly LeaseClock _attributeLease;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly CoordinatorRoutes _routes = new();
    private readonly Lock _gate = new();

    private ReservationKey _dataKey;
    private SessionLink? _link;

    // The next one, before what was given up is settled: for layouts that go back.
    private SessionLink? _settlingLink;
    private TaskCompletionSource _linked = NewSignal();
    private ClientSession? _session;

    // The epoch whose coordinator knows all that the session has; and the one that knows its handles, with the layouts that it took.
    private Epoch _reclaimedAt;
    private (Epoch Epoch, IReadOnlySet<LayoutGeneration> Layouts)? _handlesReclaimed;
    private TimeSpan _leaseLength;
    private TimeSpan _attributeLeaseLength;
    private volatile string _waitingFor = "It has not been told who coordinates the volume.";
    private Task _loop = Task.CompletedTask;

    public SessionKeeper(
        VolumeClientSettings settings,
        IConnectionSource source,
        IMonotonicClock clock,
        TimeProvider time,
        LeaseClock lease,
        LeaseClock attributeLease,
        ISessionEvents events,
        ILogger log)
    {
        _settings = settings;
        _dataKey = settings.DataKey;
        _source = source;
        _clock = clock;
        _time = time;
        _lease = lease;
        _attributeLease = attributeLease;
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

    /// <summary>The volume is given up on this node: nothing is sent any more.</summary>
    public bool IsStopping => _stop.IsCancellationRequested;

    /// <summary>The newest epoch the control plane named.</summary>
    public Epoch Epoch => _routes.Epoch;

    /// <summary>Of the newest incarnation.</summary>
    public ReservationKey DataKey
    {
        get
        {
            lock (_gate)
            {
                return _dataKey;
            }
        }
    }

    /// <summary>Resumes the session as a new incarnation: over a new link, since the coordinator hears of a key only there. Any thread.</summary>
    public void SetDataKey(ReservationKey key)
    {
        SessionLink? link;
        lock (_gate)
        {
            _dataKey = key;
            link = _link;
        }

        link?.Retire("This node comes back under a new key.");
    }

    public void Start() => _loop = BackgroundWork.Guarded(RunAsync);

    /// <summary>The higher epoch wins; the same epoch may bring other endpoints. Any thread.</summary>
    public void SetCoordinator(CoordinatorRoute route) => _routes.Set(route);

    /// <summary>Waits for a link.</summary>
    public ValueTask<SessionLink> LinkAsync(CancellationToken cancellation) => LinkAsync(settling: false, cancellation);

    private async ValueTask<SessionLink> LinkAsync(bool settling, CancellationToken cancellation)
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

                if (settling && _settlingLink is { } early && !early.Retired.IsCompleted)
                {
                    return early;
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
        _routes.Dispose();
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
                var (route, newer) = await _routes.RouteAsync(_stop.Token).ConfigureAwait(false);
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

    /// <summary>Waits a little before the next try, but no longer than until a new route is told.</summary>
    private async Task PauseAsync(CoordinatorRoute tried, TimeSpan pause)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        await Task.WhenAny(_routes.ChangedFrom(tried), Task.Delay(pause, _time, ended.Token)).ConfigureAwait(false);
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
            _settlingLink = null;
            linked = _linked;
            if (link.DataKey != _dataKey)
            {
                link.Retire("This node comes back under a new key.");
            }
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
