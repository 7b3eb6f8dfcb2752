namespace Covol.Protocol.Membership;

/// <summary>What became of the wish to evict a node.</summary>
public enum EvictionOutcome
{
    /// <summary>It is on record.</summary>
    Recorded,

    /// <summary>The node has no data key that is not evicted already.</summary>
    NothingToEvict,

    /// <summary>The verdict fell on a life of the node that is over: the present one has to be silent for as long again.</summary>
    Outdated,

    /// <summary>The store did not answer.</summary>
    NotKnown,
}
