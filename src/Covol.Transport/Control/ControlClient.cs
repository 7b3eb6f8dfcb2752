using System.Net.Sockets;
using System.Text.Json;

namespace Covol.Transport.Control;

/// <summary>Asks another role of this node over its control socket: one connection a request, so that a restarted role is found again.</summary>
/// <param name="socketPath">Where the role listens.</param>
public sealed class ControlClient(string socketPath)
{
    /// <summary>
    /// The role's answer, be it a refusal. Throws <see cref="ControlException"/> when nobody answers; the caller sets the deadline.
    /// </summary>
    public async Task<ControlAnswer> AskAsync(ControlRequest request, CancellationToken cancellation)
    {
        var endpoint = PeerEndpoint.Unix(socketPath);
        try
        {
            using var socket = endpoint.CreateSocket();
            await socket.ConnectAsync(endpoint.ToEndPoint(), cancellation).ConfigureAwait(false);
            if (UnixPeer.WhyRefused(socket) is { } reason)
            {
                throw new ControlException($"{socketPath} is not trusted: {reason}");
            }

            await using var stream = new NetworkStream(socket);
            await stream.WriteAsync((byte[])[.. ControlCodec.Encode(request), (byte)'\n'], cancellation).ConfigureAwait(false);
            var line = await new LineReader(stream).ReadAsync(cancellation).ConfigureAwait(false)
                ?? throw new ControlException($"{socketPath} closed the connection without an answer.");
            return ControlCodec.DecodeAnswer(line.Span);
        }
        catch (Exception failure) when (failure is SocketException or IOException or JsonException or InvalidDataException)
        {
            throw new ControlException($"{socketPath} does not answer: {failure.Message}", failure);
        }
    }

    /// <summary>As <see cref="AskAsync"/>, but a refusal is thrown as a <see cref="ControlException"/> too.</summary>
    public async Task<ControlAnswer> DemandAsync(ControlRequest request, CancellationToken cancellation)
    {
        var answer = await AskAsync(request, cancellation).ConfigureAwait(false);
        return answer.Ok ? answer : throw new ControlException(answer.Error ?? $"{socketPath} refused without a reason.");
    }
}
