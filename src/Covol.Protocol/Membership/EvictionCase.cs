using Covol.Protocol.Ids;
using Covol.Protocol.Store;

namespace Covol.Protocol.Membership;

/// <summary>
/// What the store says, in one look, about a node that this one wants to evict, and what follows. The record is then written by a
/// transaction that compares all three revisions, so that what was decided on still holds. Pure.
/// </summary>
/// <param name="Node">Who is taken for dead.</param>
/// <param name="CondemnedAt">How much of the store was known when the verdict fell.</param>
/// <param name="Last">Its last eviction; null: never.</param>
/// <param name="LastRevision">When that was written; 0: never.</param>
/// <param name="LifeRevision">When the node last took its lease, where it has one; else 0.</param>
/// <param name="Incarnation">The last data key incarnation that the node was given; 0: none.</param>
public sealed record EvictionCase(
    NodeId Node,
    StoreRevision CondemnedAt,
    EvictionRecord? Last,
    StoreRevision LastRevision,
    StoreRevision LifeRevision,
    long Incarnation)
{
    /// <summary>
    /// A verdict counts for the life that it fell on: where somebody evicted that life since, or the node took a lease since, what lives now
    /// has done nothing wrong yet.
    /// </summary>
    public bool IsOutdated => LastRevision > CondemnedAt || LifeRevision > CondemnedAt;

    /// <summary>The record to write; null: the verdict is outdated, or the node has had no data key since its last eviction.</summary>
    public EvictionRecord? Decide(NodeId by, string reason) => IsOutdated || Incarnation <= (Last?.Incarnation ?? 0)
        ? null
        : new EvictionRecord(Node, Incarnation, by, reason, (Last?.Number ?? 0) + 1);
}
