namespace Covol.Protocol.Ownership;

/// <summary>What this node does about a volume's coordination.</summary>
public enum OwnershipStage
{
    /// <summary>The control plane has not looked around yet.</summary>
    Starting,

    /// <summary>Nothing of it runs here.</summary>
    Waiting,

    /// <summary>Asks the store for a fresh key.</summary>
    Allocating,

    /// <summary>A process was started and registers its key.</summary>
    Registering,

    /// <summary>A process with a registered key waits for a reason to claim.</summary>
    Standby,

    /// <summary>A transaction that names the key is under way.</summary>
    Claiming,

    /// <summary>The epoch is won: the coordinator preempts, drains, verifies, replays, checkpoints.</summary>
    Activating,

    /// <summary>The coordinator answers.</summary>
    Serving,

    /// <summary>The coordinator drains and ends, because of an order.</summary>
    HandingOver,

    /// <summary>The coordinator has ended in good order, or failed too often: the record is being given free.</summary>
    Releasing,
}
