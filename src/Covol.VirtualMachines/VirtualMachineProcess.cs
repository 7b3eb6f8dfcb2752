using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Covol.VirtualMachines.Console;
using Covol.VirtualMachines.Qmp;
using Microsoft.Extensions.Logging;

namespace Covol.VirtualMachines;

/// <summary>
/// One running QEMU. Whether it lives is told by its pidfd and by nothing else: a monitor that does not answer is busy (it drains
/// I/O), not dead. Disposing leaves the machine running: the node daemon may be restarted at any time and finds it again.
/// </summary>
public sealed class VirtualMachineProcess : IAsyncDisposable
{
    /// <summary>Opening disks on a volume that just changes its coordinator takes its time.</summary>
    public static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(60);

    /// <summary>For commands that drain no I/O. Late is not dead.</summary>
    public static readonly TimeSpan CommandDeadline = TimeSpan.FromSeconds(10);

    /// <summary>'quit' drains I/O before it ends QEMU.</summary>
    public static readonly TimeSpan QuitDeadline = TimeSpan.FromSeconds(30);

    private readonly ProcessDescriptor _process;
    private readonly QmpClient _monitor;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly EventFanOut _events = new();
    private readonly Task _dispatching;
    private VirtualMachineEnd? _announcedEnd;
    private int _disposed;

    private VirtualMachineProcess(
        VirtualMachinePlaces places, ProcessDescriptor process, QmpClient monitor, ConsoleReader console, TimeProvider time,
        ILogger log)
    {
        Places = places;
        Console = console;
        _process = process;
        _monitor = monitor;
        _time = time;
        _log = log;
        _dispatching = DispatchAsync();
        Ended = EndAsync();
    }

    public string Name => Places.Name;

    public VirtualMachinePlaces Places { get; }

    public int ProcessId => _process.ProcessId;

    public ConsoleReader Console { get; }

    /// <summary>Completes when the process has ended; is cancelled when this object is disposed before.</summary>
    public Task<VirtualMachineEnd> Ended { get; }

    /// <summary>
    /// Starts the machine and waits until it runs (or, <paramref name="incoming"/>, until it waits for its migration). Throws
    /// <see cref="VirtualMachineException"/> with what QEMU said; then no process is left.
    /// </summary>
    public static async Task<VirtualMachineProcess> StartAsync(
        VirtualMachineDefinition machine, HostSettings host, VirtualMachinePlaces places, bool incoming,
        TimeProvider time, ILogger log, CancellationToken cancellation)
    {
        if ((machine.WhatIsWrong() ?? places.WhatIsWrong()) is { } wrong)
        {
            throw new VirtualMachineException(wrong);
        }

        using (var living = QemuLauncher.Find(places))
        {
            if (living is not null)
            {
                throw new VirtualMachineException($"{places.Name} runs here already, as process {living.ProcessId}.");
            }
        }

        var logStart = QemuLauncher.LogLength(places);
        var process = QemuLauncher.Launch(machine, host, places, incoming) ?? throw DidNotStart(places, logStart, null);
        try
        {
            var running = await ConnectAsync(places, process, time, log, cancellation).ConfigureAwait(false);
            VirtualMachineLog.Started(log, running.Name, running.ProcessId);
            return running;
        }
        catch (Exception failure)
        {
            // What was begun here is ended here, also when we are cancelled: nobody else knows of this process.
            process.Send(Signal.Kill);
            await process.Ended.ConfigureAwait(false);
            process.Dispose();
            QemuLauncher.RemovePlaces(places, log);
            if (failure is OperationCanceledException && cancellation.IsCancellationRequested)
            {
                throw;
            }

            throw DidNotStart(places, logStart, failure);
        }
    }

    /// <summary>Finds the machine that an earlier life of this process started here, or gives null.</summary>
    public static async Task<VirtualMachineProcess?> AdoptAsync(
        VirtualMachinePlaces places, TimeProvider time, ILogger log, CancellationToken cancellation)
    {
        var process = QemuLauncher.Find(places);
        if (process is null)
        {
            QemuLauncher.RemovePlaces(places, log);
            return null;
        }

        try
        {
            return await ConnectAsync(places, process, time, log, cancellation).ConfigureAwait(false);
        }
        catch
        {
            process.Dispose();
            throw;
        }
    }

    /// <summary>QEMU's events from now on. Give it back with <see cref="Unsubscribe"/>.</summary>
    public ChannelReader<QmpEvent> Subscribe() => _events.Subscribe();

    public void Unsubscribe(ChannelReader<QmpEvent> reader) => _events.Unsubscribe(reader);

    /// <inheritdoc cref="QmpClient.ExecuteAsync"/>
    public Task<JsonElement> ExecuteAsync(string command, JsonObject? arguments, TimeSpan deadline, CancellationToken cancellation) =>
        _monitor.ExecuteAsync(command, arguments, deadline, cancellation);

    /// <summary>QEMU's run state: running, inmigrate, paused, io-error, postmigrate, finish-migrate, guest-panicked, …</summary>
    public async Task<string> RunStateAsync(CancellationToken cancellation)
    {
        var status = await ExecuteAsync("query-status", null, CommandDeadline, cancellation).ConfigureAwait(false);
        return status.GetProperty("status").GetString() ?? "";
    }

    /// <summary>Resumes a machine that an I/O error stopped: the failed request is sent again.</summary>
    public Task ContinueAsync(CancellationToken cancellation) => ExecuteAsync("cont", null, CommandDeadline, cancellation);

    /// <summary>Presses the power button; after <paramref name="guestDeadline"/> switches the machine off.</summary>
    public async Task<VirtualMachineEnd> StopAsync(TimeSpan guestDeadline, CancellationToken cancellation)
    {
        if (await TrySendAsync("system_powerdown", CommandDeadline, cancellation).ConfigureAwait(false)
            && await EndsWithinAsync(guestDeadline, cancellation).ConfigureAwait(false))
        {
            return await Ended.ConfigureAwait(false);
        }

        if (!Ended.IsCompleted)
        {
            VirtualMachineLog.SwitchedOff(_log, Name, guestDeadline.TotalSeconds);
        }

        return await QuitAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>Switches the machine off: asks QEMU to end, and kills it if it does not within <see
    /// cref="QuitDeadline"/>.</summary>
    public async Task<VirtualMachineEnd> QuitAsync(CancellationToken cancellation)
    {
        await TrySendAsync("quit", QuitDeadline, cancellation).ConfigureAwait(false);
        if (!await EndsWithinAsync(QuitDeadline, cancellation).ConfigureAwait(false))
        {
            VirtualMachineLog.Killed(_log, Name, ProcessId);
            return await KillAsync(cancellation).ConfigureAwait(false);
        }

        return await Ended.ConfigureAwait(false);
    }

    /// <summary>Kills the process and waits until it is gone. What it had in flight on a local file is finished by the kernel
    /// first.</summary>
    public async Task<VirtualMachineEnd> KillAsync(CancellationToken cancellation)
    {
        _process.Send(Signal.Kill);
        return await Ended.WaitAsync(cancellation).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _monitor.DisposeAsync().ConfigureAwait(false);
        await _dispatching.ConfigureAwait(false);
        await Console.DisposeAsync().ConfigureAwait(false);
        _process.Dispose();
    }

    private static async Task<VirtualMachineProcess> ConnectAsync(
        VirtualMachinePlaces places, ProcessDescriptor process, TimeProvider time, ILogger log, CancellationToken cancellation)
    {
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var connecting = QmpClient.ConnectAsync(places.Monitor, StartDeadline, time, log, giveUp.Token);
        if (await Task.WhenAny(connecting, process.Ended).ConfigureAwait(false) != connecting)
        {
            await giveUp.CancelAsync().ConfigureAwait(false);
        }

        var monitor = await connecting.ConfigureAwait(false);
        try
        {
            var console = await ConsoleReader.ConnectAsync(places.Console, time, cancellation).ConfigureAwait(false);
            return new VirtualMachineProcess(places, process, monitor, console, time, log);
        }
        catch
        {
            await monitor.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static VirtualMachineException DidNotStart(VirtualMachinePlaces places, long logStart, Exception? failure)
    {
        var said = QemuLauncher.LogSince(places, logStart);
        var why = said.Length > 0 ? said : failure?.Message ?? "it ended at once and said nothing";
        var sentence = $"{places.Name} did not start: {why}";
        return failure is null ? new VirtualMachineException(sentence) : new VirtualMachineException(sentence, failure);
    }

    private async Task<bool> TrySendAsync(string command, TimeSpan deadline, CancellationToken cancellation)
    {
        try
        {
            await ExecuteAsync(command, null, deadline, cancellation).ConfigureAwait(false);
            return true;
        }
        catch (QmpException failure)
        {
            // Closed is the normal answer to 'quit'. What counts is whether the process ends.
            return failure.Failure is QmpFailure.Closed or QmpFailure.TimedOut;
        }
    }

    private async Task<bool> EndsWithinAsync(TimeSpan deadline, CancellationToken cancellation)
    {
        try
        {
            await Ended.WaitAsync(deadline, _time, cancellation).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private async Task DispatchAsync()
    {
        await foreach (var happened in _monitor.Events.ReadAllAsync().ConfigureAwait(false))
        {
            switch (happened.Name)
            {
                case "SHUTDOWN":
                    _announcedEnd = new VirtualMachineEnd(
                        happened.Text("reason"),
                        happened.Data.TryGetProperty("guest", out var guest) && guest.ValueKind == JsonValueKind.True);
                    break;
                case "STOP" or "RESUME" or "BLOCK_IO_ERROR" or "GUEST_PANICKED":
                    VirtualMachineLog.Event(_log, Name, happened.Name);
                    break;
            }

            _events.Publish(happened);
        }

        _events.End();
    }

    private async Task<VirtualMachineEnd> EndAsync()
    {
        await _process.Ended.ConfigureAwait(false);

        // The monitor's last events are in the socket when the process is gone; the end of the stream follows at once.
        await _dispatching.ConfigureAwait(false);
        QemuLauncher.RemovePlaces(Places, _log);
        VirtualMachineLog.Ended(_log, Name, ProcessId);
        return _announcedEnd ?? new VirtualMachineEnd(null, ByGuest: false);
    }
}
