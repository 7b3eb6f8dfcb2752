using System.Text.Json;
using System.Text.Json.Nodes;
using Covol.VirtualMachines.Qmp;

namespace Covol.VirtualMachines.Migration;

/// <summary>The destination's end on this node. A destination's process is good for one migration.</summary>
/// <param name="start">Starts the incoming process (<see cref="VirtualMachineProcess.StartAsync"/> with incoming).</param>
/// <param name="listen">Where it listens, as a QEMU migration URI: "tcp:ADDRESS:0" picks a free port.</param>
/// <param name="time">The clock of reports.</param>
public sealed class LocalMigrationDestination(
    Func<CancellationToken, Task<VirtualMachineProcess>> start, string listen, TimeProvider time) : IMigrationDestination
{
    private Task<VirtualMachineProcess>? _starting;

    /// <summary>The process, when there is one: after a move it is the virtual machine's, and no longer this object's.</summary>
    public VirtualMachineProcess? Machine => _starting is { IsCompletedSuccessfully: true } ? _starting.Result : null;

    public async Task<string> PrepareAsync(CancellationToken cancellation)
    {
        _starting = start(cancellation);
        var machine = await _starting.ConfigureAwait(false);
        try
        {
            await AskAsync(machine, "migrate-set-capabilities", LocalMigrationSource.Capabilities(), cancellation)
                .ConfigureAwait(false);
            await AskAsync(machine, "migrate-incoming", new JsonObject { ["uri"] = listen }, cancellation).ConfigureAwait(false);
            var status = await AskAsync(machine, "query-migrate", null, cancellation).ConfigureAwait(false);
            return Address(listen, status);
        }
        catch (QmpException failure)
        {
            throw new VirtualMachineException($"{machine.Name} could not be prepared to take the guest: {failure.Message}", failure);
        }
    }

    public IAsyncEnumerable<MigrationReport> ReportsAsync(CancellationToken cancellation) =>
        Machine is { } machine
            ? QemuMigrationReports.ReadAsync(machine, time, cancellation)
            : throw new InvalidOperationException("A destination reports after it was prepared.");

    public async Task<DateTimeOffset?> FirstOutputAsync(TimeSpan patience, CancellationToken cancellation)
    {
        if (Machine is not { } machine)
        {
            return null;
        }

        try
        {
            return await machine.Console.FirstOutput.WaitAsync(patience, time, cancellation).ConfigureAwait(false);
        }
        catch (Exception silent) when (
            silent is TimeoutException || (silent is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            // A guest that writes nothing, or whose console has ended.
            return null;
        }
    }

    public async Task KillAsync(CancellationToken cancellation)
    {
        if (_starting is null)
        {
            return;
        }

        try
        {
            var machine = await _starting.ConfigureAwait(false);
            await machine.KillAsync(cancellation).ConfigureAwait(false);
            await machine.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception failure) when (
            failure is VirtualMachineException || (failure is OperationCanceledException && _starting.IsCanceled))
        {
            // It did not start, so there is nothing to kill; whoever prepared it was told.
        }
    }

    /// <summary>Where the source shall send to: <paramref name="listen"/> with the port that QEMU really got.</summary>
    internal static string Address(string listen, JsonElement status)
    {
        if (!listen.StartsWith("tcp:", StringComparison.Ordinal))
        {
            return listen;
        }

        var port = status.TryGetProperty("socket-address", out var addresses) && addresses.GetArrayLength() > 0
            && addresses[0].TryGetProperty("port", out var text)
                ? text.GetString()
                : throw new VirtualMachineException("QEMU does not say at which port it waits for the guest.");
        return $"{listen[..listen.LastIndexOf(':')]}:{port}";
    }

    private static Task<JsonElement> AskAsync(
        VirtualMachineProcess machine, string command, JsonObject? arguments, CancellationToken cancellation) =>
        machine.ExecuteAsync(command, arguments, VirtualMachineProcess.CommandDeadline, cancellation);
}
