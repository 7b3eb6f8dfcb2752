namespace Covol.Protocol.Migration;

/// <summary>Everything that a migration can be told. A closed set.</summary>
public abstract record MigrationInput
{
    private MigrationInput()
    {
    }

    /// <summary>Begin. The first input.</summary>
    public sealed record Started : MigrationInput;

    /// <summary>The destination's process waits for the guest at <see cref="Address"/> (a QEMU migration URI).</summary>
    public sealed record DestinationReady(string Address) : MigrationInput;

    /// <summary>Source: capabilities and parameters are set, and nothing blocks a migration.</summary>
    public sealed record SourceReady : MigrationInput;

    /// <summary>A step that we asked for was refused or could not be sent; the sentence says which and why.</summary>
    public sealed record StepFailed(MigrationStep Step, string Reason) : MigrationInput;

    public sealed record FromSource(MigrationSignal Signal, string Detail) : MigrationInput;

    public sealed record FromDestination(MigrationSignal Signal, string Detail) : MigrationInput;

    /// <summary>The source has sent this much of the guest's memory (ram.transferred). Not sent while the source does not
    /// answer.</summary>
    public sealed record Progress(long TransferredBytes) : MigrationInput;

    /// <summary>The cluster's record now says that the destination may run the guest.</summary>
    public sealed record OwnershipMoved : MigrationInput;

    /// <summary>An administrator, or the end of the node's patience.</summary>
    public sealed record CancelAsked(string Reason) : MigrationInput;

    public sealed record TimerFired(MigrationTimer Timer) : MigrationInput;
}

/// <summary>Steps that can fail on their own.</summary>
public enum MigrationStep
{
    PrepareDestination,
    PrepareSource,
    Migrate,
    MoveOwnership,
    ContinueSource,
    CancelSource,
    QuitSource,
    KillDestination,
}

/// <summary>Deadlines that the machine sets for itself.</summary>
public enum MigrationTimer
{
    /// <summary>No memory was sent for a while, or preparing or the change of ownership takes too long.</summary>
    Stall,

    /// <summary>The copy does not converge.</summary>
    Copy,

    /// <summary>The hand-over hangs: the destination does not resume.</summary>
    HandOver,

    /// <summary>The source has given the migration up but has not said that the guest runs again.</summary>
    RollBack,
}
