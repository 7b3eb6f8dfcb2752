namespace Covol.Protocol.Migration;

/// <summary>How a migration ended: where the guest is now.</summary>
public enum MigrationResult
{
    /// <summary>It runs at the destination; the source's process is gone.</summary>
    Moved,

    /// <summary>It runs at the source as before; the destination's process is gone.</summary>
    StayedAtSource,

    /// <summary>It exists at the source only, and stands there: QEMU gave the migration up but did not resume the
    /// guest.</summary>
    StandsAtSource,

    /// <summary>It runs nowhere; both processes are gone. Start it again from its disks: they hold everything it was told is
    /// stable.</summary>
    RestartCold,

    /// <summary>One end is lost and the other's node cannot be reached: start nothing before that node has answered or was
    /// evicted.</summary>
    Unknown,
}

/// <summary>The end of a migration.</summary>
/// <param name="Result">Where the guest is.</param>
/// <param name="Reason">A sentence for the administrator; empty when it moved.</param>
public sealed record MigrationOutcome(MigrationResult Result, string Reason);
