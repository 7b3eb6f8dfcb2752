using System.Net;
using System.Net.Sockets;

namespace Covol.Lab;

/// <summary>Loopback ports that nobody listens on at the moment.</summary>
internal static class FreePorts
{
    /// <summary>All are held open until the last is found, so that none comes twice.</summary>
    public static IReadOnlyList<int> Pick(int count)
    {
        var held = new List<Socket>();
        try
        {
            for (var i = 0; i < count; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                held.Add(socket);
                socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            }

            return held.ConvertAll(socket => ((IPEndPoint)socket.LocalEndPoint!).Port);
        }
        finally
        {
            held.ForEach(socket => socket.Dispose());
        }
    }
}
