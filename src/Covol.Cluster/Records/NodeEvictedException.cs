using Covol.Protocol.Store;

namespace Covol.Cluster.Records;

/// <summary>This node was evicted and has not obeyed yet: nothing of its old life may go on.</summary>
public sealed class NodeEvictedException : Exception
{
    public NodeEvictedException(EvictionRecord eviction)
        : base($"{eviction.Node} was evicted by {eviction.By} (eviction {eviction.Number}): {eviction.Reason}.") => Eviction = eviction;

    public EvictionRecord Eviction { get; }
}
