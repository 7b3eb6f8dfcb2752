namespace Covol.Cluster.Store;

/// <summary>All comparisons hold and all operations happen at one revision, or nothing happens.</summary>
public sealed record StoreTransaction(IReadOnlyList<StoreCompare> If, IReadOnlyList<StoreOperation> Then)
{
    /// <summary>etcd's own default limit (<c>--max-txn-ops</c>).</summary>
    public const int OperationsMax = 128;
}
