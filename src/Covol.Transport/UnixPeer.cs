using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;

namespace Covol.Transport;

/// <summary>Who is at the other end of a Unix socket, as the kernel says it.</summary>
internal static class UnixPeer
{
    // SOL_SOCKET and SO_PEERCRED of asm-generic/socket.h, struct ucred of socket(7): pid, uid, gid, 32 bits each.
    private const int SolSocket = 1;
    private const int SoPeerCredentials = 17;
    private const int CredentialsLength = 12;
    private const int UserAt = 4;

    private static readonly Lazy<uint> s_ownUser = new(ReadOwnUser);

    /// <summary>Null when the peer may speak to this process: it runs as the same user or as root. Else a sentence.</summary>
    public static string? WhyRefused(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[CredentialsLength];
        if (socket.GetRawSocketOption(SolSocket, SoPeerCredentials, credentials) != CredentialsLength)
        {
            return "The kernel does not say who the peer is.";
        }

        var user = BinaryPrimitives.ReadUInt32LittleEndian(credentials[UserAt..]);
        return user == 0 || user == s_ownUser.Value
            ? null
            : $"The peer runs as user {user}; only user {s_ownUser.Value} and root may connect.";
    }

    // proc(5): "Uid: real effective saved file-system".
    private static uint ReadOwnUser()
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal));
        return uint.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[2], CultureInfo.InvariantCulture);
    }
}
