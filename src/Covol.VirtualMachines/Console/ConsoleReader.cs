using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

namespace Covol.VirtualMachines.Console;

/// <summary>
/// Reads a guest's serial console from QEMU's socket and stamps each line. It never stops reading: a full socket would stop the
/// guest at its next letter. QEMU keeps everything in a log file besides; lines nobody takes here are dropped, oldest first.
/// </summary>
public sealed class ConsoleReader : IAsyncDisposable
{
    public const int LinesMax = 4096;

    /// <summary>A longer line is cut into pieces.</summary>
    public const int LineBytesMax = 4096;

    private readonly Socket _socket;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource<DateTimeOffset> _firstOutput = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<ConsoleLine> _lines = Channel.CreateBounded<ConsoleLine>(
        new BoundedChannelOptions(LinesMax) { FullMode = BoundedChannelFullMode.DropOldest, SingleWriter = true });

    private readonly Task _reading;
    private long _lastOutputTicks;

    private ConsoleReader(Socket socket, TimeProvider time)
    {
        _socket = socket;
        _time = time;
        _reading = ReadAsync();
    }

    /// <summary>One reader. Ends with the connection.</summary>
    public ChannelReader<ConsoleLine> Lines => _lines.Reader;

    /// <summary>Completes when the connection ended and everything was read.</summary>
    public Task Closed => _reading;

    /// <summary>When the first line came; is cancelled when the console closed without one.</summary>
    public Task<DateTimeOffset> FirstOutput => _firstOutput.Task;

    /// <summary>When the newest line came, or null.</summary>
    public DateTimeOffset? LastOutputAt =>
        Interlocked.Read(ref _lastOutputTicks) is > 0 and var ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    /// <summary>QEMU must listen already. It serves one reader a console.</summary>
    public static async Task<ConsoleReader> ConnectAsync(string socketPath, TimeProvider time, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellation).ConfigureAwait(false);
            return new ConsoleReader(socket, time);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _reading.ConfigureAwait(false);
        _socket.Dispose();
        _stopping.Dispose();
    }

    private async Task ReadAsync()
    {
        await Task.Yield();
        var stream = new NetworkStream(_socket, ownsSocket: false);
        await using (stream.ConfigureAwait(false))
        {
            var reader = PipeReader.Create(stream);
            try
            {
                while (true)
                {
                    var read = await reader.ReadAsync(_stopping.Token).ConfigureAwait(false);
                    var rest = Cut(read.Buffer, _time.GetUtcNow());
                    reader.AdvanceTo(rest.Start, rest.End);
                    if (read.IsCompleted)
                    {
                        break;
                    }
                }
            }
            catch (Exception end) when (end is OperationCanceledException or IOException)
            {
                // Disposed, or QEMU died: both end the console.
            }
        }

        _lines.Writer.TryComplete();
        _firstOutput.TrySetCanceled();
    }

    private ReadOnlySequence<byte> Cut(ReadOnlySequence<byte> buffer, DateTimeOffset now)
    {
        while (true)
        {
            if (buffer.PositionOf((byte)'\n') is { } end)
            {
                Take(buffer.Slice(0, end), now);
                buffer = buffer.Slice(buffer.GetPosition(1, end));
            }
            else if (buffer.Length > LineBytesMax)
            {
                Take(buffer, now);
                return buffer.Slice(buffer.End);
            }
            else
            {
                return buffer;
            }
        }
    }

    private void Take(ReadOnlySequence<byte> line, DateTimeOffset now)
    {
        _lines.Writer.TryWrite(new ConsoleLine(now, Encoding.UTF8.GetString(line).TrimEnd('\r')));
        Interlocked.Exchange(ref _lastOutputTicks, now.UtcTicks);
        _firstOutput.TrySetResult(now);
    }
}
