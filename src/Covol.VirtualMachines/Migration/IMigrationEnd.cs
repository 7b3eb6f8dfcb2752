using Covol.Protocol.Migration;

namespace Covol.VirtualMachines.Migration;

/// <summary>
/// One end of a migration, local or behind another node's API. A method that throws <see cref="VirtualMachineException"/>
/// promises
/// that the step had no effect. Where that is not sure (no answer in time, connection lost) it returns as if done: the reports
/// tell
/// what really happened. All calls may be made at the same time.
/// </summary>
public interface IMigrationEnd
{
    /// <summary>
    /// What happens at this end from the call on, in order. Ends with <see cref="MigrationSignal.Gone"/> when the process has
    /// ended;
    /// silence or a lost connection is not the end of a process.
    /// </summary>
    IAsyncEnumerable<MigrationReport> ReportsAsync(CancellationToken cancellation);
}

/// <summary>The end that runs the guest now.</summary>
public interface IMigrationSource : IMigrationEnd
{
    /// <summary>Sets capabilities and parameters; throws when the guest does not run or something blocks its migration.</summary>
    Task PrepareAsync(MigrationSettings settings, CancellationToken cancellation);

    /// <summary>Begins to send to <paramref name="address"/>.</summary>
    Task MigrateAsync(string address, CancellationToken cancellation);

    /// <summary>Bytes of memory sent so far, or null when the source does not answer now.</summary>
    Task<long?> TransferredAsync(CancellationToken cancellation);

    /// <summary>Lets a source that waits before the switch-over go on.</summary>
    Task ContinueAsync(CancellationToken cancellation);

    Task CancelAsync(CancellationToken cancellation);

    /// <summary>Ends the process, by force if need be, and returns when it is gone.</summary>
    Task<SourceFarewell> QuitAsync(CancellationToken cancellation);
}

/// <summary>The end that shall run the guest.</summary>
public interface IMigrationDestination : IMigrationEnd
{
    /// <summary>Starts a process that waits for the guest, and gives the address for the source. <see
    /// cref="IMigrationEnd.ReportsAsync"/>
    /// is asked for afterwards.</summary>
    Task<string> PrepareAsync(CancellationToken cancellation);

    /// <summary>When the guest first wrote to its console here, or null if it has not within <paramref
    /// name="patience"/>.</summary>
    Task<DateTimeOffset?> FirstOutputAsync(TimeSpan patience, CancellationToken cancellation);

    /// <summary>Kills the process, if there is one, and returns when there is none.</summary>
    Task KillAsync(CancellationToken cancellation);
}

/// <summary>What the source knew when it ended. Null: it did not say.</summary>
/// <param name="Downtime">QEMU's own figure.</param>
/// <param name="SentBytes">Memory that went over the network.</param>
/// <param name="LastOutputAt">When the guest last wrote to its console there.</param>
public sealed record SourceFarewell(TimeSpan? Downtime, long? SentBytes, DateTimeOffset? LastOutputAt);
