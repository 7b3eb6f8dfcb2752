using Covol.Protocol.Store;

namespace Covol.Cluster.Store;

/// <summary>What a watch tells.</summary>
/// <param name="Revision">Everything up to here has been told.</param>
/// <param name="IsSnapshot">
/// <paramref name="Changes"/> are all keys there are: what is not named is gone. The first update is one, and so is the one after
/// history was lost to compaction.
/// </param>
/// <param name="Changes">In the order in which they happened.</param>
public sealed record StoreUpdate(StoreRevision Revision, bool IsSnapshot, IReadOnlyList<StoreChange> Changes);

/// <summary>One key changed.</summary>
/// <param name="Key">Which.</param>
/// <param name="Revision">When.</param>
/// <param name="Entry">What it is now; null: it was deleted, or its lease ended.</param>
public sealed record StoreChange(string Key, StoreRevision Revision, StoreEntry? Entry);
