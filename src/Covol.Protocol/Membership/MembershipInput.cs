using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Membership;

/// <summary>What membership learns. The set is closed: a switch over it names all.</summary>
public abstract record MembershipInput
{
    private protected MembershipInput()
    {
    }
}

/// <summary>Who belongs to the cluster, this node included, dead or alive.</summary>
public sealed record MembersConfigured(IReadOnlySet<NodeId> Members) : MembershipInput;

/// <summary>
/// A peer is there and tells whom it hears. <paramref name="IsRestarting"/>: its control plane is about to be silent for a moment,
/// and nothing is wrong with the node.
/// </summary>
public sealed record HeartbeatReceived(NodeId From, IReadOnlySet<NodeId> Hears, bool IsRestarting) : MembershipInput;

/// <summary>A peer's process closed its connection or refuses one: it ended, or its machine did.</summary>
public sealed record PeerConnectionLost(NodeId Peer) : MembershipInput;

/// <summary>Whose lease exists in the cluster store. Told at each change and each time the store was asked anew.</summary>
public sealed record LeasesSeen(IReadOnlySet<NodeId> Nodes) : MembershipInput;

/// <summary>This node's own lease was renewed by a request that was sent then.</summary>
public sealed record LeaseRenewed(Moment SentAt) : MembershipInput;

/// <summary>
/// What became of an <see cref="EvictPeer"/>. Where it is not settled, it is asked for again when the peer has stayed dead for as long
/// again.
/// </summary>
public sealed record EvictionAnswered(NodeId Peer, EvictionOutcome Outcome) : MembershipInput;

/// <summary>Time has passed. Comes at least once a heartbeat interval.</summary>
public sealed record MembershipTick : MembershipInput;
