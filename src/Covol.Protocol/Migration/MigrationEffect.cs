using Covol.Protocol.Units;

namespace Covol.Protocol.Migration;

/// <summary>What the driver shall do, in this order. A closed set.</summary>
public abstract record MigrationEffect
{
    private MigrationEffect()
    {
    }

    /// <summary>Start the destination's process with an incoming migration deferred, set its capabilities, let it
    /// listen.</summary>
    public sealed record PrepareDestination : MigrationEffect;

    /// <summary>Set capabilities and parameters of the source; refuse if something blocks a migration.</summary>
    public sealed record PrepareSource : MigrationEffect;

    /// <summary>Source: 'migrate' to this address, then report progress from time to time.</summary>
    public sealed record Migrate(string Address) : MigrationEffect;

    /// <summary>Make the cluster's record say that the destination may run the guest. The guest stands meanwhile.</summary>
    public sealed record MoveOwnership : MigrationEffect;

    /// <summary>The guest stays: make the record say so again. Sent whenever <see cref="MoveOwnership"/> was.</summary>
    public sealed record KeepOwnership : MigrationEffect;

    /// <summary>Source: 'migrate-continue' from pre-switchover. From here on only the source itself can roll back.</summary>
    public sealed record ContinueSource : MigrationEffect;

    /// <summary>Source: 'migrate_cancel'. Never sent after <see cref="ContinueSource"/>.</summary>
    public sealed record CancelSource : MigrationEffect;

    /// <summary>End the source's process, by all means.</summary>
    public sealed record QuitSource : MigrationEffect;

    /// <summary>Kill the destination's process and report <see cref="MigrationSignal.Gone"/>, also when there is none.</summary>
    public sealed record KillDestination : MigrationEffect;

    /// <summary>Feed the timer back at this moment. A later one for the same timer replaces it.</summary>
    public sealed record SetTimer(MigrationTimer Timer, Moment At) : MigrationEffect;

    public sealed record EnterPhase(MigrationPhase Phase) : MigrationEffect;

    /// <summary>The last effect.</summary>
    public sealed record Finish(MigrationOutcome Outcome) : MigrationEffect;
}
