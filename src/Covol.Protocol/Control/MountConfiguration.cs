using Covol.Protocol.Ids;

namespace Covol.Protocol.Control;

/// <summary>What <c>covold mount --config FILE</c> reads (JSON, camelCase).</summary>
/// <param name="Node">Which node.</param>
/// <param name="NamespaceRoot">The folder that holds one folder a volume, e.g. <c>/ClusterStorage</c>.</param>
/// <param name="HolderSocket">Where <c>covold hold</c> listens.</param>
/// <param name="ControlSocket">Where this process listens for the control plane.</param>
/// <param name="Tls">Certificates for coordinators on other nodes; null where there are none.</param>
public sealed record MountConfiguration(NodeId Node, string NamespaceRoot, string HolderSocket, string ControlSocket, TlsFiles? Tls);
