using System.Net;
using System.Net.Sockets;

namespace Covol.Transport;

/// <summary>A socket that listens, and the file of a Unix one, which goes with it.</summary>
internal sealed class ListeningSocket : IDisposable
{
    private const int Backlog = 128;

    private ListeningSocket(PeerEndpoint endpoint, Socket socket) => (Endpoint, Socket) = (endpoint, socket);

    /// <summary>With the port that the kernel picked where port 0 was asked for.</summary>
    public PeerEndpoint Endpoint { get; }

    public Socket Socket { get; }

    /// <summary>
    /// Replaces the file of a Unix socket that nobody listens on any more, and makes it accessible to its owner only, before it
    /// listens. Throws <see cref="SocketException"/> or <see cref="IOException"/>.
    /// </summary>
    public static ListeningSocket Open(PeerEndpoint endpoint)
    {
        if (endpoint.IsUnix)
        {
            RemoveLeftOver(endpoint);
        }

        var socket = endpoint.CreateSocket();
        try
        {
            socket.Bind(endpoint.ToEndPoint());
            if (endpoint.IsUnix)
            {
                MakePrivate(endpoint.Path);
            }

            socket.Listen(Backlog);
            return new ListeningSocket(endpoint.IsUnix ? endpoint : PeerEndpoint.Tcp((IPEndPoint)socket.LocalEndPoint!), socket);
        }
        catch (SocketException failure)
        {
            socket.Dispose();
            throw new IOException($"Cannot listen on {endpoint}: {failure.Message}", failure);
        }
    }

    public void Dispose()
    {
        Socket.Dispose();
        if (Endpoint.IsUnix)
        {
            File.Delete(Endpoint.Path);
        }
    }

    private static void MakePrivate(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException("Covol runs on Linux.");
        }

        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private static void RemoveLeftOver(PeerEndpoint endpoint)
    {
        if (!File.Exists(endpoint.Path))
        {
            return;
        }

        using var probe = endpoint.CreateSocket();
        try
        {
            probe.Connect(endpoint.ToEndPoint());
        }
        catch (SocketException)
        {
            File.Delete(endpoint.Path!);
            return;
        }

        throw new IOException($"Cannot listen on {endpoint}: another process listens there already.");
    }
}
