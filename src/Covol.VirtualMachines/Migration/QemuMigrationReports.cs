using System.Runtime.CompilerServices;
using System.Text.Json;
using Covol.Protocol.Migration;
using Covol.VirtualMachines.Qmp;

namespace Covol.VirtualMachines.Migration;

/// <summary>Turns the events of a QEMU on this node into reports.</summary>
internal static class QemuMigrationReports
{
    /// <summary>Events from the call on; the reader is given back when the caller is done with them.</summary>
    public static async IAsyncEnumerable<MigrationReport> ReadAsync(
        VirtualMachineProcess machine, TimeProvider time, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var events = machine.Subscribe();
        try
        {
            await foreach (var happened in events.ReadAllAsync(cancellation).ConfigureAwait(false))
            {
                if (ToSignal(happened) is not { } signal)
                {
                    continue;
                }

                var detail = signal == MigrationSignal.Failed
                    ? await ErrorAsync(machine, cancellation).ConfigureAwait(false)
                    : happened.Text("reason") ?? "";
                yield return new MigrationReport(signal, happened.At, detail);
            }

            // The monitor closed. Only the process says whether it is dead.
            await machine.Ended.WaitAsync(cancellation).ConfigureAwait(false);
            yield return new MigrationReport(MigrationSignal.Gone, time.GetUtcNow(), "");
        }
        finally
        {
            machine.Unsubscribe(events);
        }
    }

    /// <summary>Null for events that say nothing about a migration.</summary>
    internal static MigrationSignal? ToSignal(QmpEvent happened) => happened.Name switch
    {
        "STOP" => MigrationSignal.Stopped,
        "RESUME" => MigrationSignal.Resumed,
        "BLOCK_IO_ERROR" when happened.Text("action") == "stop" => MigrationSignal.DiskFailed,
        "MIGRATION" => happened.Text("status") switch
        {
            "setup" => MigrationSignal.Setup,
            "active" => MigrationSignal.Active,
            "pre-switchover" => MigrationSignal.PreSwitchover,
            "device" => MigrationSignal.Device,
            "completed" => MigrationSignal.Completed,
            "failed" => MigrationSignal.Failed,
            "cancelled" => MigrationSignal.Cancelled,
            _ => null,
        },
        _ => null,
    };

    private static async Task<string> ErrorAsync(VirtualMachineProcess machine, CancellationToken cancellation)
    {
        try
        {
            var status = await machine
                .ExecuteAsync("query-migrate", null, LocalMigrationSource.QueryDeadline, cancellation).ConfigureAwait(false);
            return status.ValueKind == JsonValueKind.Object && status.TryGetProperty("error-desc", out var error)
                ? error.GetString() ?? ""
                : "";
        }
        catch (QmpException unknown)
        {
            return $"QEMU gave the migration up and could not be asked why: {unknown.Message}";
        }
    }
}
