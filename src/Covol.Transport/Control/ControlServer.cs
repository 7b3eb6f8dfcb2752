using System.Net.Sockets;
using System.Text.Json;
using Covol.Protocol;
using Microsoft.Extensions.Logging;

namespace Covol.Transport.Control;

/// <summary>
/// Serves control requests on a Unix socket to the same user and root. Requests of one connection are carried out one after
/// another, those of several at once. A peer's misbehaviour ends its own connection and nothing else.
/// </summary>
public sealed class ControlServer : IAsyncDisposable
{
    private const int ConnectionsMax = 64;

    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PeerEndpoint _endpoint;
    private readonly ListeningSocket _listening;
    private readonly IControlService _service;
    private readonly ILogger _logger;
    private readonly Task _accepting;
    private int _open = 1; // the server itself

    private ControlServer(PeerEndpoint endpoint, IControlService service, ILogger logger)
    {
        _endpoint = endpoint;
        _service = service;
        _logger = logger;
        _listening = ListeningSocket.Open(endpoint);
        _accepting = AcceptAsync();
    }

    /// <summary>Ends when the server was disposed of; faults when the service broke an invariant: the process is to end then.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Listens; a socket file that nobody listens on any more is replaced. Throws <see cref="IOException"/>.</summary>
    public static ControlServer Start(string socketPath, IControlService service, ILogger logger) =>
        new(PeerEndpoint.Unix(socketPath), service, logger);

    /// <summary>Asks the requests that run to end soon (their token), answers those that do, and waits for all.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested)
        {
            return;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        _listening.Dispose();
        await _accepting.ConfigureAwait(false);
        Leave();
        await _drained.Task.ConfigureAwait(false);
        _completion.TrySetResult();
    }

    private async Task AcceptAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var socket = await _listening.Socket.AcceptAsync(_stopping.Token).ConfigureAwait(false);
                if (Interlocked.Increment(ref _open) > ConnectionsMax)
                {
                    TransportLog.Refused(_logger, _endpoint, $"{ConnectionsMax} connections are open already.");
                    socket.Dispose();
                    Leave();
                    continue;
                }

                // Its end is awaited through the number of open connections, its failure through Completion.
                _ = ServeAsync(socket);
            }
            catch (Exception failure) when (failure is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException failure)
            {
                TransportLog.AcceptFailed(_logger, _endpoint, failure.Message);
                await Task.Delay(VolumeListener.AcceptRetry).ConfigureAwait(false);
            }
        }
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _open) == 0)
        {
            _drained.TrySetResult();
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        try
        {
            using var owned = socket;
            if (UnixPeer.WhyRefused(socket) is { } reason)
            {
                TransportLog.Refused(_logger, _endpoint, reason);
                return;
            }

            await using var stream = new NetworkStream(socket);
            var reader = new LineReader(stream);
            while (await reader.ReadAsync(_stopping.Token).ConfigureAwait(false) is { } line)
            {
                var answer = await AnswerAsync(line).ConfigureAwait(false);
                await stream.WriteAsync((byte[])[.. ControlCodec.Encode(answer), (byte)'\n'], CancellationToken.None)
                    .ConfigureAwait(false);
            }
        }
        catch (Exception failure) when (failure is IOException or SocketException or InvalidDataException)
        {
            TransportLog.Refused(_logger, _endpoint, failure.Message);
        }
        catch (OperationCanceledException)
        {
            // The server stops; a request that waits to be read was not begun.
            return;
        }
        catch (Exception failure)
        {
            _completion.TrySetException(failure);
        }
        finally
        {
            Leave();
        }
    }

    private async ValueTask<ControlAnswer> AnswerAsync(ReadOnlyMemory<byte> line)
    {
        ControlRequest request;
        try
        {
            request = ControlCodec.DecodeRequest(line.Span);
        }
        catch (JsonException failure)
        {
            return ControlAnswer.Refused($"The request is not understood: {failure.Message}");
        }

        try
        {
            return await _service.AskAsync(request, _stopping.Token).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is not (InvariantBrokenException or OperationCanceledException))
        {
            TransportLog.ControlFailed(_logger, failure, request.GetType().Name);
            return ControlAnswer.Refused(failure.Message);
        }
    }
}
