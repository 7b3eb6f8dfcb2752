namespace Covol.Protocol.Control;

/// <summary>PEM files of a node: the cluster's CA, the node's certificate (its subject's common name is <c>node&lt;n&gt;</c>) and its key.</summary>
public sealed record TlsFiles(string Authority, string Certificate, string Key);
