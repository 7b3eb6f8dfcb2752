using Covol.Api.Configuration;
using Covol.Cluster.Etcd;
using Covol.Protocol.Control;

namespace Covol.Node;

/// <summary>What the node's configuration says about etcd.</summary>
internal static class EtcdSettings
{
    /// <summary>The etcd member that this node runs.</summary>
    public static EtcdMember Member(NodeConfiguration configuration)
    {
        var self = configuration.Members.First(member => member.Node == configuration.Node);
        return new EtcdMember(
            $"node{self.Node}",
            $"{configuration.StateDirectory}/etcd",
            Client(self),
            Peer(self),
            configuration.Members.ToDictionary(member => $"node{member.Node}", Peer),
            $"covol-{configuration.Cluster}",
            $"{configuration.LogDirectory}/etcd.log")
        {
            Tls = Tls(configuration),
        };
    }

    /// <summary>All members, this node's own first.</summary>
    public static EtcdOptions Client(NodeConfiguration configuration) => new(
        [.. configuration.Members.OrderBy(member => member.Node != configuration.Node).Select(Client)], Tls(configuration));

    public static Uri Client(MemberConfiguration member) => new($"https://{member.Address}:{member.StoreClientPort}");

    private static TlsFiles Tls(NodeConfiguration configuration) =>
        new(configuration.Authority, configuration.Certificate, configuration.Key);

    private static Uri Peer(MemberConfiguration member) => new($"https://{member.Address}:{member.StorePeerPort}");
}
