using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using Covol.Protocol.Wire;

namespace Covol.Transport;

/// <summary>
/// What both ends of a connection have in common: frames in, frames out, pings, goodbye, and one reason why it ended. Any thread;
/// <see cref="RunAsync"/> once.
/// </summary>
internal sealed class FrameLink(Socket socket, Stream stream, ConnectionOptions options, TimeProvider time, int framesMax) : IDisposable
{
    // Never disposed of: a timer's last tick may still cancel it, and it holds nothing but memory.
    private readonly CancellationTokenSource _ended = new();
    private readonly FrameWriter _writer = new(stream, framesMax);
    private readonly Lock _lock = new();

    private Keepalive? _keepalive;
    private ITimer? _closeTimer;
    private FrameReader? _reader;
    private string? _reason;

    /// <summary>Handles one frame; its fields and data are read through <see cref="Reader"/>.</summary>
    public delegate ValueTask FrameHandler(FrameHeader header, CancellationToken cancellation);

    public FrameReader Reader => _reader ?? throw new InvalidOperationException("The link does not run yet.");

    /// <summary>Cancelled when the connection is over.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>Takes the frame over. False: the connection is over, or its peer reads too slowly, which ends it.</summary>
    /// <param name="frame">What to send.</param>
    /// <param name="mayWriteHere">False: another thread writes it, and what else waits.</param>
    public bool TrySend(FrameBuffer frame, bool mayWriteHere = true)
    {
        if (_writer.TryEnqueue(frame, mayWriteHere))
        {
            return true;
        }

        Abort($"The peer reads too slowly: {framesMax} frames wait to be sent.");
        return false;
    }

    /// <summary>Says goodbye after what is queued, then ends. The first reason counts.</summary>
    public void Close(string reason)
    {
        lock (_lock)
        {
            if (_reason is not null)
            {
                return;
            }

            _reason = reason;
            _closeTimer = time.CreateTimer(_ => Abort(reason), null, options.CloseTimeout, Timeout.InfiniteTimeSpan);
        }

        var frame = new FrameBuffer { IsLast = true };
        ConnectionCodec.EncodeGoodbye(reason, frame);
        if (!_writer.TryEnqueue(frame.Seal(FrameKind.Goodbye)))
        {
            Abort(reason);
        }
    }

    /// <summary>Ends at once. The first reason counts.</summary>
    public void Abort(string reason)
    {
        lock (_lock)
        {
            _reason ??= reason;
        }

        _ended.Cancel();
        socket.Dispose();
    }

    /// <summary>
    /// Runs the connection to its end and gives the reason. When it returns (or throws what the handler threw by mistake) nothing
    /// reads or writes anybody's memory any more.
    /// </summary>
    public async Task<string> RunAsync(FrameHandler handle)
    {
        _reader = new FrameReader(stream, () => _keepalive?.Received());
        _keepalive = new Keepalive(options, time, Ping, Abort);
        var writing = _writer.RunAsync(_ended.Token);
        var reading = ReadAsync(handle);
        await Task.WhenAny(writing, reading).ConfigureAwait(false);
        if (reading.Exception?.InnerException is WireFormatException violation)
        {
            // Whoever sent it learns why, if it listens.
            Close(violation.Message);
            await Task.WhenAny(writing).ConfigureAwait(false);
        }

        Abort(WhyEnded(reading.IsCompleted ? reading : writing));
        _keepalive.Dispose();
        await Task.WhenAny(Task.WhenAll(writing, reading)).ConfigureAwait(false);
        await stream.DisposeAsync().ConfigureAwait(false);
        ThrowMistake(reading);
        ThrowMistake(writing);
        lock (_lock)
        {
            _closeTimer?.Dispose();
            return _reason!;
        }
    }

    public void Dispose()
    {
        Abort("The connection ended.");
        stream.Dispose();
    }

    private static string WhyEnded(Task task) => task.Exception?.InnerException is { } failure
        ? $"The connection broke: {failure.Message}"
        : "The peer closed the connection.";

    /// <summary>Broken streams and wrong bytes end connections in the normal course of things; anything else is a mistake of this program.</summary>
    private static void ThrowMistake(Task task)
    {
        if (task.Exception?.InnerException is { } failure
            && failure is not (WireFormatException or IOException or SocketException or ObjectDisposedException))
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    private async Task ReadAsync(FrameHandler handle)
    {
        var reader = Reader;
        while (await reader.ReadHeaderAsync(_ended.Token).ConfigureAwait(false) is { } header)
        {
            switch (header.Kind)
            {
                case FrameKind.Ping:
                case FrameKind.Pong:
                    await reader.ReadFieldsAsync(header.FieldsLength, _ended.Token).ConfigureAwait(false);
                    if (header.Kind == FrameKind.Ping)
                    {
                        TrySend(new FrameBuffer().Seal(FrameKind.Pong));
                    }

                    break;
                case FrameKind.Goodbye:
                    var fields = await reader.ReadFieldsAsync(header.FieldsLength, _ended.Token).ConfigureAwait(false);
                    Abort($"The peer ended the connection: {ConnectionCodec.DecodeGoodbye(fields.Span)}");
                    return;
                default:
                    await handle(header, _ended.Token).ConfigureAwait(false);
                    break;
            }
        }
    }

    private void Ping() => TrySend(new FrameBuffer().Seal(FrameKind.Ping));
}
