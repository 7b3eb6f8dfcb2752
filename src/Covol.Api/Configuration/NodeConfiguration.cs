namespace Covol.Api.Configuration;

/// <summary>What <c>covold node --config FILE</c> reads (JSON, camelCase); <c>covol lab up</c> writes one for each of its nodes.</summary>
/// <param name="Cluster">The cluster's name.</param>
/// <param name="Node">This node's number, 1 to 64.</param>
/// <param name="StateDirectory">Survives a restart of the machine: <c>/var/lib/covol</c>.</param>
/// <param name="RunDirectory">Sockets and process files: <c>/run/covol</c>.</param>
/// <param name="LogDirectory">Logs of the processes this node starts, where no journald takes them.</param>
/// <param name="NamespaceRoot">Holds one folder a volume: <c>/ClusterStorage</c>.</param>
/// <param name="ApiSocket">The Unix socket administrators use; root only.</param>
/// <param name="Members">Every member of the cluster, this one too.</param>
/// <param name="Authority">PEM file of the cluster's CA.</param>
/// <param name="Certificate">PEM file of this node's certificate, common name <c>node&lt;n&gt;</c>.</param>
/// <param name="Key">PEM file of its key.</param>
/// <param name="VirtualMachineUser">The system user QEMU runs as.</param>
public sealed record NodeConfiguration(
    string Cluster,
    int Node,
    string StateDirectory,
    string RunDirectory,
    string LogDirectory,
    string NamespaceRoot,
    string ApiSocket,
    IReadOnlyList<MemberConfiguration> Members,
    string Authority,
    string Certificate,
    string Key,
    string VirtualMachineUser);
