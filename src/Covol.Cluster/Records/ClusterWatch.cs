using Covol.Cluster.Store;
using Covol.Protocol.Store;

namespace Covol.Cluster.Records;

/// <summary>
/// One watch of a node over everything the store holds of its cluster. <see cref="Current"/> is what was seen last and stays
/// readable while the store is lost. Any thread.
/// </summary>
public sealed class ClusterWatch
{
    private readonly IClusterStore _store;
    private readonly StoreKeys _keys;
    private readonly Lock _gate = new();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ClusterState _current = ClusterState.Empty;

    public ClusterWatch(IClusterStore store, StoreKeys keys)
    {
        _store = store;
        _keys = keys;
    }

    public ClusterState Current => _current;

    /// <summary>Follows the store until cancelled. Throws when the store holds what this version cannot read.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        await foreach (var update in _store.WatchAsync(_keys.Root, cancellation).ConfigureAwait(false))
        {
            TaskCompletionSource changed;
            lock (_gate)
            {
                _current = _current.Apply(_keys, update);
                changed = _changed;
                _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            changed.TrySetResult();
        }
    }

    /// <summary>The first state, the present one included, that fulfils the condition.</summary>
    public async Task<ClusterState> WaitAsync(Func<ClusterState, bool> condition, CancellationToken cancellation)
    {
        while (true)
        {
            ClusterState state;
            Task changed;
            lock (_gate)
            {
                state = _current;
                changed = _changed.Task;
            }

            if (condition(state))
            {
                return state;
            }

            await changed.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>A state that is newer than this one.</summary>
    public Task<ClusterState> NextAsync(ClusterState last, CancellationToken cancellation) =>
        WaitAsync(state => !ReferenceEquals(state, last), cancellation);
}
