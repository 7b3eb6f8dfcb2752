using System.Collections.Immutable;
using Covol.Cluster.Store;
using Covol.Protocol.Ids;
using Covol.Protocol.Store;
using Microsoft.Extensions.Logging;

namespace Covol.Node;

/// <summary>
/// This node's copy of everything in the cluster store, kept up to date by one watch. Queries are answered from it, so that they
/// work (and say how old they may be) while the store cannot be reached. Changes are made in the store, never here.
/// </summary>
internal sealed class ClusterMirror
{
    private readonly IClusterStore _store;
    private readonly ILogger<ClusterMirror> _log;
    private volatile ClusterSnapshot _snapshot = ClusterSnapshot.Empty;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ClusterMirror(IClusterStore store, StoreKeys keys, ILogger<ClusterMirror> log)
    {
        _store = store;
        Keys = keys;
        _log = log;
    }

    public StoreKeys Keys { get; }

    /// <summary>An immutable picture; take it once for one answer.</summary>
    public ClusterSnapshot Snapshot => _snapshot;

    /// <summary>Follows the store until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        await foreach (var update in _store.WatchAsync(Keys.Root, cancellation).ConfigureAwait(false))
        {
            var entries = (update.IsSnapshot ? ImmutableDictionary<string, StoreEntry>.Empty : _snapshot.Entries).ToBuilder();
            foreach (var change in update.Changes)
            {
                if (change.Entry is { } entry)
                {
                    entries[change.Key] = entry;
                }
                else
                {
                    entries.Remove(change.Key);
                }
            }

            _snapshot = ClusterSnapshot.From(Keys, update.Revision, entries.ToImmutable(), (key, failure) => NodeLog.BadRecord(_log, key, failure));
            Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        }
    }

    /// <summary>Waits until the copy satisfies a condition. Throws <see cref="TimeoutException"/>.</summary>
    public async Task<T> WaitAsync<T>(Func<ClusterSnapshot, T?> condition, TimeSpan limit, CancellationToken cancellation)
        where T : class
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(limit);
        while (true)
        {
            // Taken before the look, so that a change between look and wait is not slept through.
            var changed = Volatile.Read(ref _changed).Task;
            if (condition(_snapshot) is { } met)
            {
                return met;
            }

            try
            {
                await changed.WaitAsync(deadline.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                throw new TimeoutException();
            }
        }
    }
}
