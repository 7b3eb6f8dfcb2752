using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Membership;

/// <summary>What membership wants done. The set is closed: a switch over it names all.</summary>
public abstract record MembershipEffect
{
    private protected MembershipEffect()
    {
    }
}

/// <summary>Send every peer a heartbeat with the nodes that this one hears.</summary>
public sealed record SendHeartbeats(IReadOnlySet<NodeId> Hears) : MembershipEffect;

/// <summary>The verdicts changed.</summary>
public sealed record MembershipChanged(IReadOnlyDictionary<NodeId, PeerHealth> Peers) : MembershipEffect;

/// <summary>Something people want to know about one peer.</summary>
public sealed record PeerReported(NodeId Peer, PeerHealth Health, string Reason) : MembershipEffect;

/// <summary>
/// The peer has been dead for so long that it is evicted: write the record of it. Answer: <see cref="EvictionAnswered"/>.
/// </summary>
public sealed record EvictPeer(NodeId Peer, string Reason) : MembershipEffect;

/// <summary>
/// Neither a peer nor the store gives a sign of life. At the deadline this node has to expect that the others have evicted it.
/// Direct I/O inside layouts goes on until its lease ends; nothing is stopped yet.
/// </summary>
public sealed record IsolationBegan(Moment Deadline) : MembershipEffect;

/// <summary>A peer or the store is back before the deadline.</summary>
public sealed record IsolationEnded : MembershipEffect;

/// <summary>The deadline passed: this node must take itself for evicted and stop its virtual machines.</summary>
public sealed record IsolationExpired : MembershipEffect;
