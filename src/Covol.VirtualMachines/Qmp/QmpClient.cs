using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Covol.VirtualMachines.Qmp;

/// <summary>
/// One connection to QEMU's monitor (QMP, docs/interop/qmp-spec of QEMU): JSON objects, one a line, over a Unix socket. QEMU
/// serves
/// one connection a socket. Commands may be asked from several threads; QEMU carries them out one after the other. A missing
/// answer is never a proof that QEMU is dead: it answers nothing while it drains I/O.
/// </summary>
public sealed class QmpClient : IAsyncDisposable
{
    public const int LineBytesMax = 1 << 20;
    public const int CommandsMax = 64;
    public const int EventsMax = 1024;

    private readonly Socket _socket;
    private readonly NetworkStream _stream;
    private readonly JsonLines _lines;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly ConcurrentDictionary<long, TaskCompletionSource<JsonElement>> _waiting = new();
    private readonly CancellationTokenSource _stopping = new();

    // Events are dropped at the old end: the newest say what is true now, and a reader that sleeps must not stop the answers.
    private readonly Channel<QmpEvent> _events = Channel.CreateBounded<QmpEvent>(
        new BoundedChannelOptions(EventsMax) { FullMode = BoundedChannelFullMode.DropOldest, SingleWriter = true });

    private Task _reading = Task.CompletedTask;
    private long _lastId;
    private int _disposed;

    private QmpClient(Socket socket, TimeProvider time, ILogger log)
    {
        _socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: true);
        _lines = new JsonLines(_stream, LineBytesMax);
        _time = time;
        _log = log;
    }

    /// <summary>All events since the connection was made; ends with the connection. One reader.</summary>
    public ChannelReader<QmpEvent> Events => _events.Reader;

    /// <summary>Completes (never fails) when the connection has ended, from whichever side.</summary>
    public Task Closed => _reading;

    /// <summary>
    /// Connects, waiting until QEMU listens, and leaves the greeting mode. Throws <see cref="QmpException"/> when that takes
    /// longer
    /// than <paramref name="deadline"/>.
    /// </summary>
    public static async Task<QmpClient> ConnectAsync(
        string socketPath, TimeSpan deadline, TimeProvider time, ILogger log, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(deadline, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            var client = new QmpClient(await DialAsync(socketPath, time, either.Token).ConfigureAwait(false), time, log);
            try
            {
                await client.GreetAsync(either.Token).ConfigureAwait(false);
                return client;
            }
            catch
            {
                await client.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new QmpException(
                QmpFailure.TimedOut, $"QEMU's monitor {socketPath} did not answer within {deadline.TotalSeconds:0.#} s.");
        }
    }

    /// <summary>
    /// Carries out a command and gives its "return". Throws <see cref="QmpException"/>; after <see cref="QmpFailure.TimedOut"/>
    /// the
    /// connection stays usable and the late answer is dropped.
    /// </summary>
    public async Task<JsonElement> ExecuteAsync(
        string command, JsonObject? arguments, TimeSpan deadline, CancellationToken cancellation)
    {
        var id = Interlocked.Increment(ref _lastId);
        var answer = new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_waiting.Count >= CommandsMax || !_waiting.TryAdd(id, answer))
        {
            throw new QmpException(
                QmpFailure.TimedOut, $"QEMU left {CommandsMax} commands unanswered; '{command}' was not sent.");
        }

        try
        {
            if (_reading.IsCompleted)
            {
                throw Ended(command);
            }

            var request = new JsonObject { ["execute"] = command, ["id"] = id };
            if (arguments is not null)
            {
                request["arguments"] = arguments;
            }

            await SendAsync(request, command, cancellation).ConfigureAwait(false);
            return await answer.Task.WaitAsync(deadline, _time, cancellation).ConfigureAwait(false);
        }
        catch (TimeoutException late)
        {
            throw new QmpException(
                QmpFailure.TimedOut, $"QEMU did not answer '{command}' within {deadline.TotalSeconds:0.#} s.", late);
        }
        finally
        {
            _waiting.TryRemove(id, out _);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        await _reading.ConfigureAwait(false);
        await _stream.DisposeAsync().ConfigureAwait(false);
        _socket.Dispose();
        _sending.Dispose();
        _stopping.Dispose();
    }

    private static async Task<Socket> DialAsync(string socketPath, TimeProvider time, CancellationToken cancellation)
    {
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellation).ConfigureAwait(false);
                return socket;
            }
            catch (SocketException notYet) when (notYet.SocketErrorCode
                is SocketError.AddressNotAvailable or SocketError.ConnectionRefused or SocketError.InvalidArgument)
            {
                // ENOENT and ECONNREFUSED: QEMU has not come that far. The caller's deadline ends this.
                socket.Dispose();
                await Task.Delay(TimeSpan.FromMilliseconds(20), time, cancellation).ConfigureAwait(false);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
    }

    private async Task GreetAsync(CancellationToken cancellation)
    {
        var greeting = await _lines.ReadAsync(cancellation).ConfigureAwait(false)
            ?? throw new QmpException(QmpFailure.Closed, "QEMU closed its monitor before the greeting.");
        if (!Parse(greeting).TryGetProperty("QMP", out _))
        {
            throw new QmpException(QmpFailure.Malformed, "The socket does not speak QMP: no greeting.");
        }

        _reading = ReadAllAsync();
        await ExecuteAsync("qmp_capabilities", null, Timeout.InfiniteTimeSpan, cancellation).ConfigureAwait(false);
    }

    private async Task SendAsync(JsonObject request, string command, CancellationToken cancellation)
    {
        var bytes = Encoding.UTF8.GetBytes(request.ToJsonString() + "\n");
        await _sending.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            await _stream.WriteAsync(bytes, cancellation).ConfigureAwait(false);
        }
        catch (IOException broken)
        {
            throw new QmpException(QmpFailure.Closed, $"QEMU's monitor is gone; '{command}' was not sent.", broken);
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ReadAllAsync()
    {
        // The first await leaves the caller's stack, so ConnectAsync stores this task before it can end.
        await Task.Yield();
        try
        {
            while (await _lines.ReadAsync(_stopping.Token).ConfigureAwait(false) is { } line)
            {
                Take(Parse(line));
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
        catch (IOException failure)
        {
            VirtualMachineLog.MonitorBroke(_log, failure.Message);
        }

        _events.Writer.TryComplete();
        foreach (var answer in _waiting.Values)
        {
            answer.TrySetException(new QmpException(QmpFailure.Closed, "QEMU's monitor closed before it answered."));
        }
    }

    private void Take(JsonElement message)
    {
        if (message.TryGetProperty("event", out var name))
        {
            _events.Writer.TryWrite(new QmpEvent(
                name.GetString() ?? "", ReadTime(message), message.TryGetProperty("data", out var data) ? data : default));
            return;
        }

        if (!message.TryGetProperty("id", out var id) || !id.TryGetInt64(out var number)
            || !_waiting.TryGetValue(number, out var answer))
        {
            // The answer to a command whose deadline passed.
            return;
        }

        if (message.TryGetProperty("error", out var error))
        {
            answer.TrySetException(new QmpException(
                QmpFailure.Refused, error.TryGetProperty("desc", out var sentence) ? sentence.ToString() : error.ToString()));
        }
        else
        {
            answer.TrySetResult(message.TryGetProperty("return", out var result) ? result : default);
        }
    }

    private static JsonElement Parse(byte[] line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : throw new QmpException(QmpFailure.Malformed, "QEMU's monitor sent something else than an object.");
        }
        catch (JsonException failure)
        {
            throw new QmpException(QmpFailure.Malformed, "QEMU's monitor sent a line that is not JSON.", failure);
        }
    }

    private static DateTimeOffset ReadTime(JsonElement message) =>
        message.TryGetProperty("timestamp", out var time)
        && time.TryGetProperty("seconds", out var seconds) && seconds.TryGetInt64(out var whole) && whole >= 0
        && time.TryGetProperty("microseconds", out var micro) && micro.TryGetInt64(out var part)
            ? DateTimeOffset.FromUnixTimeSeconds(whole).AddTicks(part * TimeSpan.TicksPerMicrosecond)
            : default;

    private static QmpException Ended(string command) => new(
        QmpFailure.Closed, string.Create(CultureInfo.InvariantCulture, $"QEMU's monitor is gone; '{command}' was not sent."));
}
