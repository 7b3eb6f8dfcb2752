namespace Covol.Protocol.Membership;

/// <summary>What this node thinks of another.</summary>
public enum PeerHealth
{
    /// <summary>Nothing was heard of it since this control plane started. It may be dead or not there yet.</summary>
    Unknown,
    Alive,

    /// <summary>Its heartbeats are missing, or its connection broke; others may still hear it. Nothing is done about it.</summary>
    Suspected,

    /// <summary>A majority misses it, or nobody hears it and its lease is gone: its volumes are taken over, and soon it is evicted.</summary>
    Dead,
}
