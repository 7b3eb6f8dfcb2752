using System.Text.Json;
using System.Text.Json.Nodes;
using Covol.VirtualMachines.Qmp;

namespace Covol.VirtualMachines.Migration;

/// <summary>The source's end on this node.</summary>
public sealed class LocalMigrationSource(VirtualMachineProcess machine, TimeProvider time) : IMigrationSource
{
    /// <summary>For questions that may go unanswered while QEMU drains I/O.</summary>
    internal static readonly TimeSpan QueryDeadline = TimeSpan.FromSeconds(2);

    private static readonly string[] s_capabilities = ["events", "pause-before-switchover", "auto-converge"];

    public IAsyncEnumerable<MigrationReport> ReportsAsync(CancellationToken cancellation) =>
        QemuMigrationReports.ReadAsync(machine, time, cancellation);

    public async Task PrepareAsync(MigrationSettings settings, CancellationToken cancellation)
    {
        try
        {
            var state = await machine.RunStateAsync(cancellation).ConfigureAwait(false);
            if (state != "running")
            {
                throw new VirtualMachineException(
                    $"{machine.Name} cannot be moved while it runs, because it does not run: its state is '{state}'.");
            }

            var status = await AskAsync("query-migrate", null, cancellation).ConfigureAwait(false);
            if (status.TryGetProperty("blocked-reasons", out var reasons) && reasons.GetArrayLength() > 0)
            {
                throw new VirtualMachineException($"{machine.Name} cannot be moved while it runs: {reasons[0].GetString()}");
            }

            await AskAsync("migrate-set-capabilities", Capabilities(), cancellation).ConfigureAwait(false);
            var parameters = new JsonObject
            {
                ["downtime-limit"] = (long)settings.DowntimeLimit.TotalMilliseconds,
                ["max-bandwidth"] = settings.BandwidthMax.Value,
            };
            await AskAsync("migrate-set-parameters", parameters, cancellation).ConfigureAwait(false);
        }
        catch (QmpException failure)
        {
            throw new VirtualMachineException($"{machine.Name} could not be prepared for its move: {failure.Message}", failure);
        }
    }

    public Task MigrateAsync(string address, CancellationToken cancellation) =>
        StepAsync("migrate", new JsonObject { ["uri"] = address }, cancellation);

    public async Task<long?> TransferredAsync(CancellationToken cancellation)
    {
        try
        {
            var status = await machine.ExecuteAsync("query-migrate", null, QueryDeadline, cancellation).ConfigureAwait(false);
            return status.TryGetProperty("ram", out var memory) ? memory.GetProperty("transferred").GetInt64() : null;
        }
        catch (QmpException)
        {
            // Busy or gone; the watchdog counts silence as no progress, the reports tell of an end.
            return null;
        }
    }

    public Task ContinueAsync(CancellationToken cancellation) =>
        StepAsync("migrate-continue", new JsonObject { ["state"] = "pre-switchover" }, cancellation);

    public Task CancelAsync(CancellationToken cancellation) => StepAsync("migrate_cancel", null, cancellation);

    public async Task<SourceFarewell> QuitAsync(CancellationToken cancellation)
    {
        TimeSpan? downtime = null;
        long? sent = null;
        try
        {
            var status = await machine.ExecuteAsync("query-migrate", null, QueryDeadline, cancellation).ConfigureAwait(false);
            downtime = status.TryGetProperty("downtime", out var milliseconds)
                ? TimeSpan.FromMilliseconds(milliseconds.GetInt64())
                : null;
            sent = status.TryGetProperty("ram", out var memory) ? memory.GetProperty("transferred").GetInt64() : null;
        }
        catch (QmpException)
        {
            // The figures are for the report only; ending the source matters more.
        }

        await machine.QuitAsync(cancellation).ConfigureAwait(false);
        await machine.Console.Closed.WaitAsync(cancellation).ConfigureAwait(false);
        return new SourceFarewell(downtime, sent, machine.Console.LastOutputAt);
    }

    /// <summary>The same on both ends.</summary>
    internal static JsonObject Capabilities() => new()
    {
        ["capabilities"] = new JsonArray(
            [.. s_capabilities.Select(JsonNode (name) => new JsonObject { ["capability"] = name, ["state"] = true })]),
    };

    private Task<JsonElement> AskAsync(string command, JsonObject? arguments, CancellationToken cancellation) =>
        machine.ExecuteAsync(command, arguments, VirtualMachineProcess.CommandDeadline, cancellation);

    private async Task StepAsync(string command, JsonObject? arguments, CancellationToken cancellation)
    {
        try
        {
            await AskAsync(command, arguments, cancellation).ConfigureAwait(false);
        }
        catch (QmpException refusal) when (refusal.Failure == QmpFailure.Refused)
        {
            throw new VirtualMachineException($"QEMU refused '{command}': {refusal.Message}", refusal);
        }
        catch (QmpException)
        {
            // In doubt: it may be carried out yet. Reports tell, see IMigrationEnd.
        }
    }
}
