using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Covol.Protocol.Ids;

namespace Covol.Transport;

/// <summary>
/// Where a coordinator listens: <c>unix:PATH</c> (this node) or <c>tcp:ADDRESS:PORT</c> (mutual TLS, any node). To connect:
/// <c>tcp:node2@ADDRESS:PORT</c> says in addition whose certificate has to be shown there, since an address may be another node's by now.
/// </summary>
public sealed record PeerEndpoint
{
    /// <summary>sizeof(sockaddr_un.sun_path) less the final NUL, unix(7).</summary>
    private const int UnixPathLengthMax = 107;

    private const string UnixScheme = "unix:";
    private const string TcpScheme = "tcp:";
    private const char NodeEnd = '@';

    private PeerEndpoint(string? path, IPEndPoint? address, NodeId? node) => (Path, Address, Node) = (path, address, node);

    /// <summary>The Unix socket's path; null for TCP.</summary>
    public string? Path { get; }

    /// <summary>The TCP address; null for a Unix socket.</summary>
    public IPEndPoint? Address { get; }

    /// <summary>Who has to answer there; null: any node of the cluster.</summary>
    public NodeId? Node { get; }

    [MemberNotNullWhen(true, nameof(Path))]
    [MemberNotNullWhen(false, nameof(Address))]
    public bool IsUnix => Path is not null;

    /// <summary>Throws <see cref="FormatException"/> with a sentence.</summary>
    public static PeerEndpoint Parse(string text)
    {
        if (text.StartsWith(UnixScheme, StringComparison.Ordinal) && text.Length > UnixScheme.Length)
        {
            return Unix(text[UnixScheme.Length..]);
        }

        if (text.StartsWith(TcpScheme, StringComparison.Ordinal))
        {
            var place = text[TcpScheme.Length..];
            var nodeEnd = place.IndexOf(NodeEnd);
            var address = place[(nodeEnd + 1)..];
            var node = nodeEnd < 0 ? null : TlsIdentity.NodeNamed(place[..nodeEnd]);
            if (IPEndPoint.TryParse(address, out var parsed) && address.LastIndexOf(':') > 0 && (nodeEnd < 0 || node is not null))
            {
                return new PeerEndpoint(null, parsed, node);
            }
        }

        throw new FormatException(
            $"'{text}' is not an endpoint: 'unix:PATH' or 'tcp:ADDRESS:PORT' with a numeric address, which 'node<n>@' may precede.");
    }

    public static PeerEndpoint Unix(string path)
    {
        var length = Encoding.UTF8.GetByteCount(path);
        return length is > 0 and <= UnixPathLengthMax
            ? new PeerEndpoint(path, null, null)
            : throw new FormatException(
                $"A Unix socket's path has 1 to {UnixPathLengthMax} bytes; '{path}' has {length}. Use a shorter folder.");
    }

    public static PeerEndpoint Tcp(IPEndPoint address) => new(null, address, null);

    /// <summary>A coordinator's own endpoint as others are told it: with who answers there. Throws <see cref="FormatException"/>.</summary>
    public static string Named(string endpoint, NodeId node)
    {
        var parsed = Parse(endpoint);
        return (parsed.IsUnix ? parsed : new PeerEndpoint(null, parsed.Address, node)).ToString();
    }

    public override string ToString() => IsUnix
        ? UnixScheme + Path
        : string.Create(CultureInfo.InvariantCulture, $"{TcpScheme}{(Node is { } node ? $"{node}{NodeEnd}" : "")}{Address}");

    internal Socket CreateSocket() => IsUnix
        ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        : new Socket(Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    internal EndPoint ToEndPoint() => IsUnix ? new UnixDomainSocketEndPoint(Path) : Address;
}
