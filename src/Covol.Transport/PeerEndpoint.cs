using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Covol.Transport;

/// <summary>Where a coordinator listens: <c>unix:PATH</c> (this node) or <c>tcp:ADDRESS:PORT</c> (mutual TLS, any node).</summary>
public sealed record PeerEndpoint
{
    /// <summary>sizeof(sockaddr_un.sun_path) less the final NUL, unix(7).</summary>
    private const int UnixPathLengthMax = 107;

    private const string UnixScheme = "unix:";
    private const string TcpScheme = "tcp:";

    private PeerEndpoint(string? path, IPEndPoint? address) => (Path, Address) = (path, address);

    /// <summary>The Unix socket's path; null for TCP.</summary>
    public string? Path { get; }

    /// <summary>The TCP address; null for a Unix socket.</summary>
    public IPEndPoint? Address { get; }

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

        if (text.StartsWith(TcpScheme, StringComparison.Ordinal)
            && IPEndPoint.TryParse(text[TcpScheme.Length..], out var address)
            && text.LastIndexOf(':') > TcpScheme.Length)
        {
            return Tcp(address);
        }

        throw new FormatException($"'{text}' is not an endpoint: 'unix:PATH' or 'tcp:ADDRESS:PORT' with a numeric address.");
    }

    public static PeerEndpoint Unix(string path)
    {
        var length = Encoding.UTF8.GetByteCount(path);
        return length is > 0 and <= UnixPathLengthMax
            ? new PeerEndpoint(path, null)
            : throw new FormatException(
                $"A Unix socket's path has 1 to {UnixPathLengthMax} bytes; '{path}' has {length}. Use a shorter folder.");
    }

    public static PeerEndpoint Tcp(IPEndPoint address) => new(null, address);

    public override string ToString() => IsUnix
        ? UnixScheme + Path
        : string.Create(CultureInfo.InvariantCulture, $"{TcpScheme}{Address}");

    internal Socket CreateSocket() => IsUnix
        ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        : new Socket(Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    internal EndPoint ToEndPoint() => IsUnix ? new UnixDomainSocketEndPoint(Path) : Address;
}
