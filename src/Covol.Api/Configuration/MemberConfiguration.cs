namespace Covol.Api.Configuration;

/// <summary>How a member is reached by its peers.</summary>
/// <param name="Node">Its number.</param>
/// <param name="Address">IP address on the cluster network.</param>
/// <param name="ApiPort">TCP, mutual TLS: node daemon to node daemon.</param>
/// <param name="HeartbeatPort">TCP, mutual TLS: signs of life between node daemons.</param>
/// <param name="StoreClientPort">etcd's client port.</param>
/// <param name="StorePeerPort">etcd's peer port.</param>
/// <param name="VolumePorts">Ports for the coordinators it runs, one a volume.</param>
public sealed record MemberConfiguration(
    int Node,
    string Address,
    int ApiPort,
    int HeartbeatPort,
    int StoreClientPort,
    int StorePeerPort,
    IReadOnlyList<int> VolumePorts);
