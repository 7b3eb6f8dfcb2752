namespace Covol.Cluster.Store;

/// <summary>
/// The cluster store: a small, consistent, ordered map that all nodes share (etcd's model). Any thread. Reads are linearizable.
/// Every call ends within the store's deadline: <see cref="StoreUnavailableException"/> when nobody answered,
/// <see cref="StoreRefusedException"/> when the answer was no.
/// </summary>
public interface IClusterStore : IAsyncDisposable
{
    /// <summary>One key, or null.</summary>
    Task<StoreEntry?> GetAsync(string key, CancellationToken cancellation);

    /// <summary>All keys that begin with the prefix.</summary>
    Task<StoreRange> GetRangeAsync(string prefix, CancellationToken cancellation);

    /// <summary>
    /// Carries out a transaction. It may be sent twice when an answer is lost: with a comparison on a key that it writes it still
    /// happens at most once, but may then be reported as not succeeded. So callers write values that they recognise, and look
    /// into <see cref="StoreTransactionResult.Current"/>.
    /// </summary>
    Task<StoreTransactionResult> CommitAsync(StoreTransaction transaction, CancellationToken cancellation);

    /// <summary>Begins a lease. The store may make it longer than asked.</summary>
    Task<StoreLease> GrantLeaseAsync(TimeSpan length, CancellationToken cancellation);

    /// <summary>Starts the lease's time again. False: it has ended, its keys are gone. The caller counts from before this call.</summary>
    Task<bool> KeepLeaseAsync(StoreLease lease, CancellationToken cancellation);

    /// <summary>Ends a lease and deletes its keys. One that has ended already is no error.</summary>
    Task RevokeLeaseAsync(StoreLease lease, CancellationToken cancellation);

    /// <summary>
    /// Tells all keys with the prefix and then every change, each once and in order, over lost connections, changes of the store's
    /// leader and compaction, until cancelled. While the store cannot be reached it is silent.
    /// </summary>
    IAsyncEnumerable<StoreUpdate> WatchAsync(string prefix, CancellationToken cancellation);
}
