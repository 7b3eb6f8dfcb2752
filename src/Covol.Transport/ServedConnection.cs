using System.Net.Sockets;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Protocol.Wire;
using Microsoft.Extensions.Logging;

namespace Covol.Transport;

/// <summary>The serving side of one connection: reads calls, lets the service carry them out, several at once, sends the answers.</summary>
internal sealed class ServedConnection : IVolumeCaller, IDisposable
{
    private const string Program = "covold";

    private readonly FrameLink _link;
    private readonly IVolumeService _service;
    private readonly ConnectionOptions _options;
    private readonly TimeProvider _time;
    private readonly PeerEndpoint _endpoint;
    private readonly ILogger _logger;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Exception? _serviceFailure;
    private bool _greeted;
    private int _inFlight = 1; // the reader itself
    private int _dataInFlight;
    private int _noticesQueued;

    public ServedConnection(
        NodeId node,
        PeerEndpoint endpoint,
        Socket socket,
        Stream stream,
        IVolumeService service,
        ConnectionOptions options,
        TimeProvider time,
        ILogger logger)
    {
        Node = node;
        _endpoint = endpoint;
        _service = service;
        _options = options;
        _time = time;
        _logger = logger;
        _link = new FrameLink(socket, stream, options, time, options.CallsMax + options.NoticesMax + 16);
    }

    public NodeId Node { get; }

    public void Notify(VolumeNotice notice)
    {
        if (Interlocked.Increment(ref _noticesQueued) > _options.NoticesMax)
        {
            _link.Abort($"The client reads too slowly: {_options.NoticesMax} notices wait to be sent.");
            return;
        }

        var frame = new FrameBuffer { Owner = new QueuedNotice(this) };
        VolumeCodec.Encode(notice, frame);

        // Whoever has something to tell to many does not write it to each (TLS included) himself.
        _link.TrySend(frame.Seal(FrameKind.Notice), mayWriteHere: false);
    }

    public void Close(string reason) => _link.Close(reason);

    /// <summary>Ends when the connection is gone and the service gave back every call. Throws what the service threw.</summary>
    public async Task RunAsync()
    {
        using var greetingDeadline = _time.CreateTimer(
            _ => CheckGreeted(), null, _options.ConnectTimeout, Timeout.InfiniteTimeSpan);
        var reason = await _link.RunAsync(HandleAsync).ConfigureAwait(false);
        if (_greeted)
        {
            _service.Disconnected(this);
        }

        TransportLog.Disconnected(_logger, Node, _endpoint, reason);
        LeaveFlight();
        await _drained.Task.ConfigureAwait(false);
        if (_serviceFailure is { } failure)
        {
            throw new InvalidOperationException("The volume service threw instead of answering.", failure);
        }
    }

    public void Dispose() => _link.Dispose();

    internal void Over(ServedCall call)
    {
        if (call.HasData)
        {
            Interlocked.Decrement(ref _dataInFlight);
        }

        LeaveFlight();
    }

    private void LeaveFlight()
    {
        if (Interlocked.Decrement(ref _inFlight) == 0)
        {
            _drained.TrySetResult();
        }
    }

    private void CheckGreeted()
    {
        if (!Volatile.Read(ref _greeted))
        {
            _link.Abort("The client did not say hello in time.");
        }
    }

    private async ValueTask HandleAsync(FrameHeader header, CancellationToken cancellation)
    {
        var fields = await _link.Reader.ReadFieldsAsync(header.FieldsLength, cancellation).ConfigureAwait(false);
        if (!_greeted)
        {
            Greet(header, fields.Span);
        }
        else if (header.Kind == FrameKind.Request)
        {
            await ReceiveAsync(header, fields, cancellation).ConfigureAwait(false);
        }
        else
        {
            throw new WireFormatException($"A client sends no frame of kind {header.Kind} now.");
        }
    }

    private void Greet(FrameHeader header, ReadOnlySpan<byte> fields)
    {
        if (header.Kind != FrameKind.Hello)
        {
            throw new WireFormatException($"The first frame is of kind {header.Kind}, not hello.");
        }

        var hello = ConnectionCodec.DecodeHello(fields);
        if (_options.WhyNotFor(hello.Volume) is { } reason)
        {
            TransportLog.Refused(_logger, _endpoint, reason);
            _link.Close(reason);
            return;
        }

        Volatile.Write(ref _greeted, true);
        TransportLog.Connected(_logger, Node, _endpoint, hello.Program);
        var frame = new FrameBuffer();
        ConnectionCodec.Encode(new Hello(Program, _options.CallsMax, _options.DataCallsMax, _options.Volume), frame);
        _link.TrySend(frame.Seal(FrameKind.Hello));
    }

    private async ValueTask ReceiveAsync(FrameHeader header, ReadOnlyMemory<byte> fields, CancellationToken cancellation)
    {
        var request = Decode(header, fields.Span);
        if (request is null)
        {
            return;
        }

        if (Volatile.Read(ref _inFlight) > _options.CallsMax
            || (header.DataLength > 0 && Volatile.Read(ref _dataInFlight) >= _options.DataCallsMax))
        {
            throw new WireFormatException(
                $"More than {_options.CallsMax} calls, or {_options.DataCallsMax} with data, are in flight on this connection.");
        }

        var data = ReadOnlyMemory<byte>.Empty;
        AlignedBufferPool.Buffer? buffer = null;
        if (header.DataLength > 0)
        {
            buffer = AlignedBufferPool.Shared.Rent(header.DataLength);
            var target = buffer.Memory[..header.DataLength];
            try
            {
                await _link.Reader.ReadDataAsync(target, cancellation).ConfigureAwait(false);
            }
            catch
            {
                buffer.Return();
                throw;
            }

            data = target;
            Interlocked.Increment(ref _dataInFlight);
        }

        Interlocked.Increment(ref _inFlight);
        Serve(header, new VolumeCall(header.Request, header.Epoch, request, data), new ServedCall(this, buffer));
    }

    /// <summary>Null: the request was refused and the connection is about to end.</summary>
    private VolumeRequest? Decode(FrameHeader header, ReadOnlySpan<byte> fields)
    {
        string why;
        try
        {
            var request = VolumeCodec.DecodeRequest(fields);
            if (header.DataLength == 0 || request is WriteData)
            {
                return request;
            }

            why = $"A {request.GetType().Name} carries data.";
        }
        catch (WireFormatException failure)
        {
            why = failure.Message;
        }

        var frame = new FrameBuffer();
        VolumeCodec.Encode(new Refused(VolumeError.BadRequest, why), frame);
        _link.TrySend(frame.Seal(FrameKind.Answer, header.Request, header.Tag, header.Epoch));
        throw new WireFormatException(why);
    }

    // Its end is awaited through the number of calls in flight.
    private async void Serve(FrameHeader header, VolumeCall call, ServedCall served)
    {
        try
        {
            var answer = await _service.CallAsync(this, call, _link.Ended).ConfigureAwait(false);
            served.Answered(answer);
            Send(header, answer, served);
            if (answer.Reply is Refused { Error: VolumeError.BadRequest or VolumeError.WrongEpoch } refused)
            {
                _link.Close(refused.Detail);
            }
        }
        catch (OperationCanceledException) when (_link.Ended.IsCancellationRequested)
        {
            served.EndWrite();
        }
        catch (Exception failure)
        {
            TransportLog.ServiceFailed(_logger, failure, Node);
            _serviceFailure ??= failure;
            _link.Abort("The service failed.");
            served.EndWrite();
        }
    }

    private void Send(FrameHeader header, VolumeAnswer answer, ServedCall served)
    {
        var frame = new FrameBuffer { Owner = served };
        try
        {
            VolumeCodec.Encode(answer.Reply, frame);
            frame.Seal(FrameKind.Answer, header.Request, header.Tag, answer.Epoch, answer.Data);
        }
        catch (WireFormatException failure)
        {
            TransportLog.AnswerTooLong(_logger, header.Request, failure.Message);
            VolumeCodec.Encode(new Refused(VolumeError.IoFailed, failure.Message), frame);
            frame.Seal(FrameKind.Answer, header.Request, header.Tag, answer.Epoch);
        }

        _link.TrySend(frame);
    }

    private sealed class QueuedNotice(ServedConnection connection) : IFrameOwner
    {
        private int _over;

        public bool BeginWrite() => true;

        public void EndWrite()
        {
            if (Interlocked.Exchange(ref _over, 1) == 0)
            {
                Interlocked.Decrement(ref connection._noticesQueued);
            }
        }
    }
}
