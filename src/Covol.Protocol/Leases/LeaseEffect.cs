using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Leases;

/// <summary>What an <see cref="AttributeLeaseMachine"/> wants done.</summary>
public abstract record LeaseEffect
{
    private LeaseEffect()
    {
    }

    /// <summary>The session has to let these go, and say so. It is said once: a lost connection makes the session let go of all.</summary>
    public sealed record SendRecall(SessionId Session, long Recall, IReadOnlyList<FileId> Files) : LeaseEffect;

    /// <summary>Nobody but who asked for the change shows anymore what it changes.</summary>
    public sealed record MayChange(long Ticket) : LeaseEffect;

    /// <summary>Replaces the timer; null: none is needed.</summary>
    public sealed record SetTimer(Moment? At) : LeaseEffect;
}
