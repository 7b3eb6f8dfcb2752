using Covol.Protocol.Ids;

namespace Covol.Protocol.Store;

/// <summary>
/// The last eviction of a node (SAFETY 1). Written before anything is fenced, so that whoever acts on it, and the node itself when it
/// wakes up, reads the same. Every node has its coordinators fence and end what is named here; the evicted node ends its virtual
/// machines, coordinators and data path, and comes back with new keys only.
/// </summary>
/// <param name="Node">Who.</param>
/// <param name="Incarnation">
/// Data keys of the node up to this incarnation are evicted, on all LUNs. Later ones belong to a life after the eviction and are not meant,
/// however late somebody acts on this record.
/// </param>
/// <param name="By">Who decided it.</param>
/// <param name="Reason">Why, as a sentence.</param>
/// <param name="Number">Grows with each eviction of the node.</param>
public sealed record EvictionRecord(NodeId Node, long Incarnation, NodeId By, string Reason, long Number);
