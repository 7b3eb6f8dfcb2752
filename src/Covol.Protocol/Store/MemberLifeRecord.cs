using Covol.Protocol.Ids;

namespace Covol.Protocol.Store;

/// <summary>
/// A node's control plane runs: kept under its lease, so that it is gone soon after the node is. It is only the tie-breaker
/// between peers (SAFETY 26): "still there" proves nothing, because leases start again at a change of etcd's leader.
/// </summary>
/// <param name="Node">Its number.</param>
/// <param name="Life">Drawn at each start of the control plane, so that a restart is seen as one.</param>
public sealed record MemberLifeRecord(NodeId Node, Guid Life);
