namespace Covol.Protocol.Membership;

/// <summary>Times of membership (DESIGN 6).</summary>
public sealed record MembershipSettings
{
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>So many heartbeats without a sign of it, and a peer is suspected.</summary>
    public int MissedMax { get; init; } = 4;

    /// <summary>A peer that was not heard yet since this node started gets so long: all nodes of a cluster may start at once.</summary>
    public TimeSpan StartPatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A peer that said it restarts its control plane is not taken for dead for so long.</summary>
    public TimeSpan RestartAllowance { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// From the verdict that a peer is dead until its eviction. Its volumes are taken over at once, which costs nothing if the verdict was
    /// wrong; an eviction costs the peer its virtual machines. So a control plane that crashed gets this time to come back.
    /// </summary>
    public TimeSpan EvictAfter { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Length of the node's lease in the cluster store.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Time from the last sign of any peer and of the store until the local deadline (SAFETY 26).</summary>
    public TimeSpan IsolationLimit { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan Silence => Heartbeat * MissedMax;
}
