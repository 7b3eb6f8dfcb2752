using Covol.Protocol.Migration;

namespace Covol.VirtualMachines.Migration;

/// <summary>How a live migration went. Times that are not known are null.</summary>
/// <param name="Outcome">Where the guest is now, and why.</param>
/// <param name="Prepare">Until memory began to be copied.</param>
/// <param name="Copy">From there until the guest stood.</param>
/// <param name="HandOver">From there until it ran at the destination.</param>
/// <param name="Total">The sum of the three.</param>
/// <param name="Downtime">QEMU's own figure for how long the guest stood.</param>
/// <param name="Blackout">The same, measured from outside; see <paramref name="BlackoutBy"/>. Clocks of two hosts are
/// compared.</param>
/// <param name="BlackoutBy">By what.</param>
/// <param name="SentBytes">Memory that went over the network.</param>
public sealed record LiveMigrationResult(
    MigrationOutcome Outcome, TimeSpan? Prepare, TimeSpan? Copy, TimeSpan? HandOver, TimeSpan Total, TimeSpan? Downtime,
    TimeSpan? Blackout, BlackoutMeasure BlackoutBy, long? SentBytes);

/// <summary>How a blackout was measured.</summary>
public enum BlackoutMeasure
{
    NotMeasured,

    /// <summary>From the last line the guest wrote to its console at the source to the first at the destination.</summary>
    Console,

    /// <summary>From QEMU's STOP to its RESUME: the guest is too silent for the other.</summary>
    Events,
}
