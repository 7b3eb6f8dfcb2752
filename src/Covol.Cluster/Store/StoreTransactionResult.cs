using Covol.Protocol.Store;

namespace Covol.Cluster.Store;

/// <summary>What became of a transaction.</summary>
/// <param name="Succeeded">It was carried out now.</param>
/// <param name="Revision">The store's revision: of the change where it succeeded.</param>
/// <param name="Current">Where it did not: the compared keys that exist, as they are.</param>
public sealed record StoreTransactionResult(bool Succeeded, StoreRevision Revision, IReadOnlyList<StoreEntry> Current);
