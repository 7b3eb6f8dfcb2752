using System.Collections.Concurrent;
using System.Net.Sockets;
using Covol.Protocol.Volume;
using Covol.Protocol.Wire;

namespace Covol.Transport;

/// <summary>
/// A client's connection to one coordinator. Any thread; several calls at once. Notices are given to the handler on the reading
/// thread, in order, between answers: the handler must not wait.
/// </summary>
public sealed class VolumeConnection : IVolumeConnection
{
    private const string Program = "covol";

    private readonly ConcurrentDictionary<uint, PendingCall> _pending = new();
    private readonly TaskCompletionSource<Hello> _greeting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly FrameLink _link;
    private readonly Action<VolumeNotice> _noticeHandler;
    private readonly PeerEndpoint _endpoint;
    private SemaphoreSlim? _dataTurns;
    private Task _running = Task.CompletedTask;
    private int _callsMax;
    private uint _lastTag;

    private VolumeConnection(PeerEndpoint endpoint, FrameLink link, Action<VolumeNotice> noticeHandler) =>
        (_endpoint, _link, _noticeHandler) = (endpoint, link, noticeHandler);

    /// <inheritdoc/>
    public Task<string> Closed => _closed.Task;

    /// <summary>
    /// Connects and waits for the coordinator's hello, at most <see cref="ConnectionOptions.ConnectTimeout"/>. Throws
    /// <see cref="ConnectionLostException"/> with the reason when that does not succeed.
    /// </summary>
    /// <param name="endpoint">Where the coordinator listens.</param>
    /// <param name="tls">Who this node is; needed for TCP.</param>
    /// <param name="noticeHandler">Takes notices; must not wait. What it throws ends the connection and faults <see cref="Closed"/>.</param>
    /// <param name="options">Times and limits.</param>
    /// <param name="time">Drives pings and deadlines.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<VolumeConnection> ConnectAsync(
        PeerEndpoint endpoint,
        TlsIdentity? tls,
        Action<VolumeNotice> noticeHandler,
        ConnectionOptions options,
        TimeProvider time,
        CancellationToken cancellation)
    {
        using var deadline = new CancellationTokenSource(options.ConnectTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        var socket = endpoint.CreateSocket();
        VolumeConnection? connection = null;
        try
        {
            await socket.ConnectAsync(endpoint.ToEndPoint(), either.Token).ConfigureAwait(false);
            var stream = await OpenStreamAsync(endpoint, tls, socket, either.Token).ConfigureAwait(false);
            var link = new FrameLink(socket, stream, options, time, options.CallsMax + options.NoticesMax);
            connection = new VolumeConnection(endpoint, link, noticeHandler);
            connection._running = connection.RunAsync();
            await connection.GreetAsync(options, either.Token).ConfigureAwait(false);
            return connection;
        }
        catch (Exception failure)
        {
            socket.Dispose();
            if (connection is not null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }

            cancellation.ThrowIfCancellationRequested();
            throw failure switch
            {
                OperationCanceledException => new ConnectionLostException(
                    $"{endpoint} did not answer within {options.ConnectTimeout.TotalMilliseconds} ms.", failure),
                ConnectionLostException => failure,
                IOException or SocketException or System.Security.Authentication.AuthenticationException =>
                    new ConnectionLostException($"No connection to {endpoint}: {failure.Message}", failure),
                _ => failure,
            };
        }
    }

    /// <inheritdoc/>
    public async ValueTask<VolumeAnswer> CallAsync(VolumeCall call, Memory<byte> answerData, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var holdsTurn = call.Data.Length > 0;
        if (holdsTurn)
        {
            await TakeDataTurnAsync(cancellation).ConfigureAwait(false);
        }

        var pending = new PendingCall(call, answerData, Leave)
        {
            Tag = Interlocked.Increment(ref _lastTag),
            HoldsDataTurn = holdsTurn,
        };
        _pending[pending.Tag] = pending;
        try
        {
            Send(call, pending);
        }
        catch
        {
            Leave(pending);
            throw;
        }

        using var registration = cancellation.UnsafeRegister(static it => ((PendingCall)it!).Cancel(), pending);
        try
        {
            return await pending.Answered.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw new OperationCanceledException($"The caller gave {call.Id} up.", cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _link.Close("The client is done.");
        await _running.ConfigureAwait(false);
        _link.Dispose();
    }

    private static async Task<Stream> OpenStreamAsync(
        PeerEndpoint endpoint, TlsIdentity? tls, Socket socket, CancellationToken cancellation)
    {
        if (endpoint.IsUnix)
        {
            return UnixPeer.WhyRefused(socket) is { } reason
                ? throw new ConnectionLostException($"No connection to {endpoint}: {reason}")
                : new NetworkStream(socket, ownsSocket: true);
        }

        if (tls is null)
        {
            throw new ConnectionLostException($"No connection to {endpoint}: this node has no certificate configured for TCP.");
        }

        var (stream, peer) = await tls.ConnectAsync(new NetworkStream(socket, ownsSocket: true), cancellation).ConfigureAwait(false);
        if (endpoint.Node is { } meant && peer != meant)
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw new ConnectionLostException($"No connection to {endpoint}: {peer} answers there, not {meant}.");
        }

        return stream;
    }

    private async Task GreetAsync(ConnectionOptions options, CancellationToken cancellation)
    {
        var frame = new FrameBuffer();
        ConnectionCodec.Encode(new Hello(Program, 0, 0, options.Volume), frame);
        _link.TrySend(frame.Seal(FrameKind.Hello));
        var hello = await _greeting.Task.WaitAsync(cancellation).ConfigureAwait(false);
        if (options.WhyNotFor(hello.Volume) is { } reason)
        {
            throw new ConnectionLostException($"No connection to {_endpoint}: {reason}");
        }

        _dataTurns = new SemaphoreSlim(Math.Max(1, hello.DataCallsMax));
        _callsMax = hello.CallsMax;
    }

    private async Task RunAsync()
    {
        try
        {
            var reason = await _link.RunAsync(HandleAsync).ConfigureAwait(false);
            End(reason);
            _closed.TrySetResult(reason);
        }
        catch (Exception failure)
        {
            End(failure.Message);
            _closed.TrySetException(failure);
        }
    }

    private void End(string reason)
    {
        _greeting.TrySetException(new ConnectionLostException($"No connection to {_endpoint}: {reason}"));
        foreach (var pending in _pending.Values)
        {
            Fail(pending, reason);
        }
    }

    private void Fail(PendingCall pending, string reason)
    {
        Leave(pending);
        pending.Fail(new ConnectionLostException($"The connection to {_endpoint} is gone, {pending.Id} may have been carried out: {reason}"));
    }

    private void Send(VolumeCall call, PendingCall pending)
    {
        if (_pending.Count > _callsMax)
        {
            throw new InvalidOperationException($"More than {_callsMax} calls in flight; slots limit them.");
        }

        var frame = new FrameBuffer { Owner = pending };
        try
        {
            VolumeCodec.Encode(call.Request, frame);
            frame.Seal(FrameKind.Request, call.Id, pending.Tag, call.Epoch, call.Data);
        }
        catch
        {
            frame.Dispose();
            throw;
        }

        // A call that comes after the end finds the queue closed; one that was queued before is found by End.
        if (!_link.TrySend(frame))
        {
            throw new ConnectionLostException($"The connection to {_endpoint} is gone; {call.Id} was not sent.");
        }
    }

    private async ValueTask TakeDataTurnAsync(CancellationToken cancellation)
    {
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _link.Ended);
            await _dataTurns!.WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException failure)
        {
            cancellation.ThrowIfCancellationRequested();
            throw new ConnectionLostException($"The connection to {_endpoint} is gone; the call was not sent.", failure);
        }
    }

    private void Leave(PendingCall pending)
    {
        if (_pending.TryRemove(pending.Tag, out _) && pending.HoldsDataTurn)
        {
            _dataTurns!.Release();
        }
    }

    private async ValueTask HandleAsync(FrameHeader header, CancellationToken cancellation)
    {
        var fields = await _link.Reader.ReadFieldsAsync(header.FieldsLength, cancellation).ConfigureAwait(false);
        switch (header.Kind)
        {
            case FrameKind.Hello:
                if (!_greeting.TrySetResult(ConnectionCodec.DecodeHello(fields.Span)))
                {
                    throw new WireFormatException("The coordinator said hello twice.");
                }

                break;
            case FrameKind.Notice:
                _noticeHandler(VolumeCodec.DecodeNotice(fields.Span));
                break;
            case FrameKind.Answer:
                await ReceiveAsync(header, VolumeCodec.DecodeReply(fields.Span), cancellation).ConfigureAwait(false);
                break;
            default:
                throw new WireFormatException($"A coordinator sends no frame of kind {header.Kind}.");
        }
    }

    private async ValueTask ReceiveAsync(FrameHeader header, VolumeReply reply, CancellationToken cancellation)
    {
        if (!_pending.TryGetValue(header.Tag, out var pending) || pending.Id != header.Request)
        {
            throw new WireFormatException($"An answer for {header.Request} came that nobody asked for.");
        }

        if (header.DataLength != (reply is DataRead read ? read.Length : 0))
        {
            throw new WireFormatException($"A {reply.GetType().Name} came with {header.DataLength} bytes of data.");
        }

        if (pending.BeginReceive() is not { } target)
        {
            await _link.Reader.SkipDataAsync(header.DataLength, cancellation).ConfigureAwait(false);
            Leave(pending);
            return;
        }

        if (header.DataLength > target.Length)
        {
            throw new WireFormatException($"{header.DataLength} bytes came for {pending.Id}, which asked for {target.Length}.");
        }

        var data = target[..header.DataLength];
        await _link.Reader.ReadDataAsync(data, cancellation).ConfigureAwait(false);
        Leave(pending);
        pending.Complete(new VolumeAnswer(header.Epoch, reply, data));
    }
}
