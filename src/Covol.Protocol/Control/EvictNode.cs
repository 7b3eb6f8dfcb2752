using Covol.Protocol.Ids;

namespace Covol.Protocol.Control;

/// <summary>
/// The control plane tells a coordinator process: the cluster has evicted this node, and its eviction is on record. The coordinator
/// fences the node's data keys, then ends their sessions with all opens, locks and layouts, waits for no reclaim of theirs, and
/// takes no session of such a key any more. Answered when that is done. May be told again.
/// </summary>
/// <param name="Node">Who.</param>
/// <param name="Incarnation">Data keys of later incarnations are not meant (see <see cref="Ownership.KeyLayout"/>).</param>
public sealed record EvictNode(NodeId Node, long Incarnation);
