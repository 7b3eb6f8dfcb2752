using System.Runtime.CompilerServices;
using Covol.Protocol.Store;

namespace Covol.Cluster.Store;

/// <summary>
/// The cluster store of one process, with etcd's semantics: for tests, simulations and a cluster of one node that needs none.
/// Leases end by the given time provider. <see cref="IsAvailable"/> false plays a lost quorum.
/// </summary>
public sealed class MemoryStore : IClusterStore
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly SortedDictionary<string, StoreEntry> _entries = new(StringComparer.Ordinal);
    private readonly List<StoreChange> _history = [];
    private readonly Dictionary<StoreLease, (TimeSpan Length, long Since, ITimer Timer)> _leases = [];
    private TaskCompletionSource _changed = NewSignal();
    private long _revision = 1;
    private long _compacted = 1;
    private long _leaseLast;
    private volatile bool _isAvailable = true;

    public MemoryStore(TimeProvider time) => _time = time;

    /// <summary>False: every call ends with <see cref="StoreUnavailableException"/> and watches are silent.</summary>
    public bool IsAvailable
    {
        get => _isAvailable;
        set
        {
            _isAvailable = value;
            lock (_gate)
            {
                Signal();
            }
        }
    }

    public Task<StoreEntry?> GetAsync(string key, CancellationToken cancellation) =>
        Answer(() => _entries.GetValueOrDefault(key), cancellation);

    public Task<StoreRange> GetRangeAsync(string prefix, CancellationToken cancellation) => Answer(() => Range(prefix), cancellation);

    public Task<StoreTransactionResult> CommitAsync(StoreTransaction transaction, CancellationToken cancellation) =>
        Answer(() => Commit(transaction), cancellation);

    public Task<StoreLease> GrantLeaseAsync(TimeSpan length, CancellationToken cancellation) => Answer(
        () =>
        {
            var lease = new StoreLease(++_leaseLast);
            var timer = _time.CreateTimer(_ => Expire(lease), null, length, Timeout.InfiniteTimeSpan);
            _leases.Add(lease, (length, _time.GetTimestamp(), timer));
            return lease;
        },
        cancellation);

    public Task<bool> KeepLeaseAsync(StoreLease lease, CancellationToken cancellation) => Answer(
        () =>
        {
            if (!_leases.TryGetValue(lease, out var kept))
            {
                return false;
            }

            _leases[lease] = kept with { Since = _time.GetTimestamp() };
            kept.Timer.Change(kept.Length, Timeout.InfiniteTimeSpan);
            return true;
        },
        cancellation);

    public Task RevokeLeaseAsync(StoreLease lease, CancellationToken cancellation) => Answer(
        () =>
        {
            End(lease);
            return true;
        },
        cancellation);

    public async IAsyncEnumerable<StoreUpdate> WatchAsync(
        string prefix, [EnumeratorCancellation] CancellationToken cancellation)
    {
        long told = 0;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            StoreUpdate? update = null;
            Task changed;
            lock (_gate)
            {
                changed = _changed.Task;
                if (_isAvailable && told < _revision)
                {
                    update = told < _compacted ? Snapshot(prefix) : Since(prefix, told);
                    told = _revision;
                }
            }

            if (update is not null && (update.IsSnapshot || update.Changes.Count > 0))
            {
                yield return update;
            }

            await changed.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Forgets history: a watch that has not been told it yet gets a snapshot instead.</summary>
    public void Compact()
    {
        lock (_gate)
        {
            _history.Clear();
            _compacted = _revision;
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            foreach (var lease in _leases.Values)
            {
                lease.Timer.Dispose();
            }

            _leases.Clear();
        }

        return ValueTask.CompletedTask;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Task<T> Answer<T>(Func<T> answer, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
        {
            return Task.FromCanceled<T>(cancellation);
        }

        if (!_isAvailable)
        {
            return Task.FromException<T>(new StoreUnavailableException());
        }

        lock (_gate)
        {
            try
            {
                return Task.FromResult(answer());
            }
            catch (StoreRefusedException refused)
            {
                return Task.FromException<T>(refused);
            }
        }
    }

    private StoreRange Range(string prefix) => new(
        new StoreRevision(_revision), [.. _entries.Values.Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal))]);

    private StoreTransactionResult Commit(StoreTransaction transaction)
    {
        if (transaction.If.Any(compare => CurrentRevision(compare.Key) != compare.Revision))
        {
            var current = transaction.If.Select(compare => _entries.GetValueOrDefault(compare.Key)).OfType<StoreEntry>();
            return new StoreTransactionResult(false, new StoreRevision(_revision), [.. current]);
        }

        if (transaction.Then.OfType<StorePut>().Any(put => put.Lease is { } lease && !_leases.ContainsKey(lease)))
        {
            throw new StoreRefusedException("The cluster store refused a transaction: its lease has ended.");
        }

        var changes = transaction.Then.Where(operation => operation is not StoreDelete delete || _entries.ContainsKey(delete.Key));
        Apply([.. changes]);
        return new StoreTransactionResult(true, new StoreRevision(_revision), []);
    }

    private StoreRevision CurrentRevision(string key) =>
        _entries.TryGetValue(key, out var entry) ? entry.Revision : new StoreRevision(0);

    private void Apply(IReadOnlyList<StoreOperation> operations)
    {
        if (operations.Count == 0)
        {
            return;
        }

        var revision = new StoreRevision(++_revision);
        foreach (var operation in operations)
        {
            switch (operation)
            {
                case StorePut put:
                    var entry = new StoreEntry(put.Key, put.Value, revision, put.Lease);
                    _entries[put.Key] = entry;
                    _history.Add(new StoreChange(put.Key, revision, entry));
                    break;
                case StoreDelete delete:
                    _entries.Remove(delete.Key);
                    _history.Add(new StoreChange(delete.Key, revision, null));
                    break;
                default:
                    throw new InvalidOperationException($"{operation.GetType().Name} is not an operation of the store.");
            }
        }

        Signal();
    }

    private void Expire(StoreLease lease)
    {
        lock (_gate)
        {
            // A renewal may have come between the timer and this lock.
            if (_leases.TryGetValue(lease, out var kept) && _time.GetElapsedTime(kept.Since) >= kept.Length)
            {
                End(lease);
            }
        }
    }

    private void End(StoreLease lease)
    {
        if (_leases.Remove(lease, out var ended))
        {
            ended.Timer.Dispose();
            Apply([.. _entries.Values.Where(entry => entry.Lease == lease).Select(entry => new StoreDelete(entry.Key))]);
        }
    }

    private StoreUpdate Snapshot(string prefix)
    {
        var range = Range(prefix);
        return new StoreUpdate(range.Revision, true, [.. range.Entries.Select(e => new StoreChange(e.Key, e.Revision, e))]);
    }

    private StoreUpdate Since(string prefix, long told) => new(
        new StoreRevision(_revision),
        false,
        [.. _history.Where(c => c.Revision.Value > told && c.Key.StartsWith(prefix, StringComparison.Ordinal))]);

    private void Signal()
    {
        var changed = _changed;
        _changed = NewSignal();
        changed.TrySetResult();
    }
}
