using Covol.Api.Configuration;
using Covol.Cluster.Etcd;

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
            $"{configuration.LogDirectory}/etcd.log");
    }

    /// <summary>All members, this node's own first.</summary>
    public static EtcdOptions Client(NodeConfiguration configuration) => new(
        [.. configuration.Members.OrderBy(member => member.Node != configuration.Node).Select(Client)], null);

    private static Uri Client(MemberConfiguration member) => new($"http://{member.Address}:{member.StoreClientPort}");

    private static Uri Peer(MemberConfiguration member) => new($"http://{member.Address}:{member.StorePeerPort}");
}
