using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Security.Authentication;
using Covol.Protocol.Ids;
using Microsoft.Extensions.Logging;

namespace Covol.Transport;

/// <summary>
/// Serves one volume to clients on several endpoints. A peer's misbehaviour ends its own connection and nothing else; only a
/// service that throws instead of answering faults <see cref="Completion"/>, and the process is to end then.
/// </summary>
public sealed class VolumeListener : IAsyncDisposable
{
    internal static readonly TimeSpan AcceptRetry = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<ServedConnection, bool> _connections = new();
    private readonly List<ListeningSocket> _sockets = [];
    private readonly List<Task> _accepting = [];
    private readonly IVolumeService _service;
    private readonly NodeId _localNode;
    private readonly TlsIdentity? _tls;
    private readonly ConnectionOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private int _open = 1; // the listener itself

    private VolumeListener(
        IVolumeService service, NodeId localNode, TlsIdentity? tls, ConnectionOptions options, TimeProvider time, ILogger logger) =>
        (_service, _localNode, _tls, _options, _time, _logger) = (service, localNode, tls, options, time, logger);

    /// <summary>Where it listens, with the port that was picked where port 0 was asked for.</summary>
    public IReadOnlyList<PeerEndpoint> Endpoints => [.. _sockets.Select(socket => socket.Endpoint)];

    /// <summary>Ends when the listener was disposed of; faults when the service threw instead of answering.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Listens on all endpoints or throws and listens on none.</summary>
    /// <param name="endpoints">Where; a Unix socket's file that nobody listens on any more is replaced.</param>
    /// <param name="service">What carries calls out.</param>
    /// <param name="localNode">The node that peers on Unix sockets are.</param>
    /// <param name="tls">Who this node is; needed for TCP endpoints. The caller keeps and disposes of it.</param>
    /// <param name="options">Times and limits.</param>
    /// <param name="time">Drives pings and deadlines.</param>
    /// <param name="logger">Where refusals and failures go.</param>
    public static VolumeListener Start(
        IReadOnlyList<PeerEndpoint> endpoints,
        IVolumeService service,
        NodeId localNode,
        TlsIdentity? tls,
        ConnectionOptions options,
        TimeProvider time,
        ILogger logger)
    {
        var listener = new VolumeListener(service, localNode, tls, options, time, logger);
        try
        {
            foreach (var endpoint in endpoints)
            {
                if (!endpoint.IsUnix && tls is null)
                {
                    throw new AuthenticationException($"{endpoint} needs the node's certificate files (\"tls\") in the configuration.");
                }

                listener._sockets.Add(ListeningSocket.Open(endpoint));
            }
        }
        catch
        {
            listener._sockets.ForEach(socket => socket.Dispose());
            throw;
        }

        listener._accepting.AddRange(listener._sockets.Select(listener.AcceptAsync));
        return listener;
    }

    /// <summary>Says goodbye to every client and waits until the service gave back every call.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested)
        {
            return;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        _sockets.ForEach(socket => socket.Dispose());
        await Task.WhenAll(_accepting).ConfigureAwait(false);
        foreach (var connection in _connections.Keys)
        {
            connection.Close("The coordinator ends.");
        }

        Leave();
        await _drained.Task.ConfigureAwait(false);
        _completion.TrySetResult();
    }

    private async Task AcceptAsync(ListeningSocket listening)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var socket = await listening.Socket.AcceptAsync(_stopping.Token).ConfigureAwait(false);
                Welcome(listening.Endpoint, socket);
            }
            catch (Exception failure) when (failure is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException failure)
            {
                // Out of descriptors, or a client that left while it waited: the next one may succeed.
                TransportLog.AcceptFailed(_logger, listening.Endpoint, failure.Message);
                await Task.Delay(AcceptRetry, _time, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private void Welcome(PeerEndpoint endpoint, Socket socket)
    {
        if (Interlocked.Increment(ref _open) > _options.ConnectionsMax)
        {
            Refuse(endpoint, socket, $"{_options.ConnectionsMax} connections are open already.");
            Leave();
            return;
        }

        // Its end is awaited through the number of open connections, its failure through Completion.
        _ = ServeAsync(endpoint, socket);
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _open) == 0)
        {
            _drained.TrySetResult();
        }
    }

    private async Task ServeAsync(PeerEndpoint endpoint, Socket socket)
    {
        try
        {
            if (await IdentifyAsync(endpoint, socket).ConfigureAwait(false) is not var (node, stream))
            {
                return;
            }

            using var connection = new ServedConnection(node, endpoint, socket, stream, _service, _options, _time, _logger);
            var running = connection.RunAsync();
            _connections[connection] = true;
            if (_stopping.IsCancellationRequested)
            {
                connection.Close("The coordinator ends.");
            }

            try
            {
                await running.ConfigureAwait(false);
            }
            finally
            {
                _connections.TryRemove(connection, out _);
            }
        }
        catch (Exception failure)
        {
            _completion.TrySetException(failure);
        }
        finally
        {
            socket.Dispose();
            Leave();
        }
    }

    /// <summary>Null: the peer was refused.</summary>
    private async Task<(NodeId Node, Stream Stream)?> IdentifyAsync(PeerEndpoint endpoint, Socket socket)
    {
        if (endpoint.IsUnix)
        {
            if (UnixPeer.WhyRefused(socket) is not { } reason)
            {
                return (_localNode, new NetworkStream(socket, ownsSocket: true));
            }

            Refuse(endpoint, socket, reason);
            return null;
        }

        try
        {
            socket.NoDelay = true;
            using var deadline = new CancellationTokenSource(_options.ConnectTimeout, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _stopping.Token);
            var (stream, peer) = await _tls!.AcceptAsync(new NetworkStream(socket, ownsSocket: true), either.Token).ConfigureAwait(false);
            return (peer, stream);
        }
        catch (Exception failure) when (failure is AuthenticationException or IOException or SocketException
            or OperationCanceledException or ObjectDisposedException)
        {
            Refuse(endpoint, socket, failure.Message);
            return null;
        }
    }

    private void Refuse(PeerEndpoint endpoint, Socket socket, string reason)
    {
        TransportLog.Refused(_logger, endpoint, reason);
        socket.Dispose();
    }
}
