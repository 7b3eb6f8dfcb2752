namespace Covol.Protocol.Store;

/// <summary>What a virtual machine does.</summary>
public enum VirtualMachineState
{
    Stopped,
    Starting,
    Running,

    /// <summary>It runs at its node and is being copied to another.</summary>
    Migrating,
    Stopping,

    /// <summary>It stopped by itself or could not start; the reason says why.</summary>
    Failed,
}
