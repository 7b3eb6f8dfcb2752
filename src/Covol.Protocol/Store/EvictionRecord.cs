using Covol.Protocol.Ids;

namespace Covol.Protocol.Store;

/// <summary>
/// A node was evicted: key-fenced on all LUNs, its sessions ended (SAFETY 1). The node itself reads this when it wakes up and
/// must stop its virtual machines before it joins again.
/// </summary>
/// <param name="Node">Who.</param>
/// <param name="Life">Which life of it; a later life is not meant.</param>
/// <param name="By">Who decided it.</param>
/// <param name="Reason">Why, as a sentence.</param>
/// <param name="Number">Grows with each eviction of the node.</param>
public sealed record EvictionRecord(NodeId Node, Guid Life, NodeId By, string Reason, long Number);
