using Covol.Protocol.Ids;

namespace Covol.VolumeClient;

/// <summary>Who coordinates the volume, as the control plane last said, and waiting for it to say something else. Any thread.</summary>
internal sealed class CoordinatorRoutes : IDisposable
{
    private readonly Lock _gate = new();
    private CoordinatorRoute? _route;
    private CancellationTokenSource _overtaken = new();
    private TaskCompletionSource _changed = NewSignal();
    private bool _isDisposed;

    /// <summary>The newest epoch that was told.</summary>
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

    /// <summary>The higher epoch wins; the same epoch may bring other endpoints.</summary>
    public void Set(CoordinatorRoute route)
    {
        CancellationTokenSource? overtaken = null;
        TaskCompletionSource changed;
        lock (_gate)
        {
            if (_isDisposed || (_route is { } known && (route.Epoch.Value < known.Epoch.Value
                || (route.Epoch == known.Epoch && route.Endpoints.SequenceEqual(known.Endpoints)))))
            {
                return;
            }

            if (route.Epoch != _route?.Epoch)
            {
                overtaken = _overtaken;
                _overtaken = new CancellationTokenSource();
            }

            _route = route;
            changed = _changed;
            _changed = NewSignal();
        }

        changed.TrySetResult();

        // Whatever is asked of an older coordinator ends here, however long that one would take to answer.
        overtaken?.Cancel();
    }

    /// <summary>Waits for a route. Its token ends when a higher epoch is told.</summary>
    public async Task<(CoordinatorRoute Route, CancellationToken Newer)> RouteAsync(CancellationToken cancellation)
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

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Ends when another route than this one is told.</summary>
    public Task ChangedFrom(CoordinatorRoute tried)
    {
        lock (_gate)
        {
            return ReferenceEquals(_route, tried) ? _changed.Task : Task.CompletedTask;
        }
    }

    /// <summary>Nobody waits any more; what is told from now on is of no effect.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _overtaken.Dispose();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
