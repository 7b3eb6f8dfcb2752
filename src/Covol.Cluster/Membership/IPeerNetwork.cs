using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Store;

namespace Covol.Cluster.Membership;

/// <summary>How heartbeats travel between the control planes. Any thread.</summary>
public interface IPeerNetwork
{
    /// <summary>Connects to these peers and keeps trying; others are let go.</summary>
    void SetPeers(IReadOnlyList<MemberRecord> peers);

    /// <summary>Sends to every connected peer without waiting; what cannot be sent is lost.</summary>
    void Send(Heartbeat heartbeat);

    /// <summary>Takes connections and tells what comes in, until cancelled.</summary>
    Task RunAsync(Action<MembershipInput> tell, CancellationToken cancellation);
}

/// <summary>One heartbeat: one line of JSON on the wire.</summary>
public sealed record Heartbeat(NodeId From, IReadOnlyList<NodeId> Hears, bool IsRestarting);
