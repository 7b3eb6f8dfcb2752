using Covol.Protocol.Store;

namespace Covol.Cluster.Store;

/// <summary>All keys of a range at one revision of the store.</summary>
/// <param name="Revision">The store's revision: a watch that begins after it misses nothing and repeats nothing.</param>
/// <param name="Entries">In order of their keys.</param>
public sealed record StoreRange(StoreRevision Revision, IReadOnlyList<StoreEntry> Entries);
