using System.Net.Sockets;
using Covol.Protocol.Wire;
using Covol.Transport;

namespace Covol.Tests.Transport;

/// <summary>The other end of a connection, played by hand: sends any bytes, reads frames one by one.</summary>
internal sealed class RawPeer : IDisposable
{
    private readonly Socket _socket;
    private readonly NetworkStream _stream;

    public RawPeer(Socket socket)
    {
        _socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: true);
    }

    public static async Task<RawPeer> ConnectAsync(PeerEndpoint endpoint)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(endpoint.Path!));
        return new RawPeer(socket);
    }

    public static async Task<RawPeer> GreetAsync(PeerEndpoint endpoint)
    {
        var peer = await ConnectAsync(endpoint);
        await peer.SendAsync(Frames.Hello());
        await peer.ReadAsync();
        return peer;
    }

    public async Task SendAsync(byte[] bytes) => await _stream.WriteAsync(bytes);

    public void EndSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>The next frame that is no ping; null when the connection is over.</summary>
    public async Task<(FrameHeader Header, byte[] Fields)?> ReadAsync()
    {
        while (true)
        {
            var head = new byte[FrameHeader.Length];
            using var patience = new CancellationTokenSource(Net.Patience);
            try
            {
                if (await _stream.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, patience.Token) < head.Length)
                {
                    return null;
                }
            }
            catch (IOException)
            {
                return null;
            }

            var header = FrameHeader.Decode(head);
            var fields = new byte[header.FieldsLength + header.DataLength];
            await _stream.ReadExactlyAsync(fields, patience.Token);
            if (header.Kind is not FrameKind.Ping)
            {
                return (header, fields[..header.FieldsLength]);
            }
        }
    }

    public void Dispose() => _stream.Dispose();
}
