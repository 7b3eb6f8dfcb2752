using Covol.Protocol.Ids;

namespace Covol.Protocol.Store;

/// <summary>A node that belongs to the cluster, dead or alive.</summary>
/// <param name="Node">Its number.</param>
/// <param name="Name">Its host name, for people.</param>
/// <param name="PeerEndpoints">Where its control plane takes heartbeats, in order of preference: <c>tcp:ADDRESS:PORT</c>.</param>
/// <param name="ApiEndpoint">Where its API is reached: <c>unix:PATH</c> or a URL.</param>
/// <param name="StoreEndpoints">Client URLs of the etcd member it runs; empty where it runs none.</param>
public sealed record MemberRecord(
    NodeId Node, string Name, IReadOnlyList<string> PeerEndpoints, string ApiEndpoint, IReadOnlyList<string> StoreEndpoints);
