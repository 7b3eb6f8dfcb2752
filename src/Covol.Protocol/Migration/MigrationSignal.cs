namespace Covol.Protocol.Migration;

/// <summary>What one end of a migration reports: QEMU's MIGRATION states, the guest's STOP and RESUME, and the end of the
/// process.</summary>
public enum MigrationSignal
{
    /// <summary>MIGRATION setup: the ends talk.</summary>
    Setup,

    /// <summary>MIGRATION active: memory is being copied.</summary>
    Active,

    /// <summary>MIGRATION pre-switchover: the guest stands, the source still holds the locks of its disks.</summary>
    PreSwitchover,

    /// <summary>MIGRATION device: the rest goes over; the disks change hands.</summary>
    Device,

    /// <summary>MIGRATION completed. On the source this does not mean that the guest runs anywhere.</summary>
    Completed,

    /// <summary>MIGRATION failed.</summary>
    Failed,

    /// <summary>MIGRATION cancelled.</summary>
    Cancelled,

    /// <summary>STOP: the guest stands.</summary>
    Stopped,

    /// <summary>RESUME: the guest runs here.</summary>
    Resumed,

    /// <summary>BLOCK_IO_ERROR that stopped the guest: a disk of it failed.</summary>
    DiskFailed,

    /// <summary>The process has ended, by its pidfd.</summary>
    Gone,
}
