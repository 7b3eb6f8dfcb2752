using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Covol.Api;
using Covol.Api.Configuration;

namespace Covol.Node.Http;

/// <summary>Clients to the other nodes' daemons: mutual TLS, the cluster's own CA and no other, the common name must be the node's.</summary>
internal sealed class PeerClients : IDisposable
{
    private static readonly TimeSpan s_connectLimit = TimeSpan.FromSeconds(1);

    private readonly Dictionary<int, HttpClient> _clients = [];
    private readonly Dictionary<int, NodeClient> _nodes = [];

    public PeerClients(NodeConfiguration configuration, NodeCertificates certificates)
    {
        foreach (var member in configuration.Members)
        {
            var handler = new SocketsHttpHandler
            {
                UseProxy = false,
                ConnectTimeout = s_connectLimit,
                SslOptions = new SslClientAuthenticationOptions
                {
                    TargetHost = $"node{member.Node}",
                    ClientCertificates = [certificates.Own],
                    RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                        certificates.NodeOf(certificate as X509Certificate2) == member.Node,
                },
            };
            var http = new HttpClient(handler)
            {
                BaseAddress = new Uri($"https://{member.Address}:{member.ApiPort}/"),
                Timeout = TimeSpan.FromMinutes(10),
            };
            _clients.Add(member.Node, http);
            _nodes.Add(member.Node, new NodeClient(http, $"node{member.Node}"));
        }
    }

    /// <summary>The public API of a node.</summary>
    public NodeClient Node(int node) =>
        _nodes.TryGetValue(node, out var client) ? client : throw new NodeException($"node{node} is not a member of this cluster.");

    /// <summary>What only peers may ask of a node.</summary>
    public HttpClient Http(int node) =>
        _clients.TryGetValue(node, out var client) ? client : throw new NodeException($"node{node} is not a member of this cluster.");

    public void Dispose()
    {
        foreach (var node in _nodes.Values)
        {
            node.Dispose();
        }
    }
}
