using Covol.Protocol.Ids;

namespace Covol.Protocol.Leases;

/// <summary>What an <see cref="AttributeLeaseMachine"/> is told.</summary>
public abstract record LeaseInput
{
    private LeaseInput()
    {
    }

    /// <summary>
    /// A session is there. With <paramref name="MayHoldUnknown"/> it comes from the journal: an earlier coordinator may have let it keep
    /// anything, until it has let go or a lease's length has passed.
    /// </summary>
    public sealed record SessionJoined(SessionId Session, bool Takes, bool MayHoldUnknown) : LeaseInput;

    /// <summary>The session said that it keeps nothing any more.</summary>
    public sealed record LetGo(SessionId Session) : LeaseInput;

    /// <summary>The session ended without saying anything: what it was allowed to keep it may show until its lease ends.</summary>
    public sealed record SessionEnded(SessionId Session) : LeaseInput;

    /// <summary>The session asked for one more lease.</summary>
    public sealed record Renew(SessionId Session) : LeaseInput;

    /// <summary>
    /// Something is to be changed. <see cref="LeaseEffect.MayChange"/> follows, at once or when nobody shows the old any more.
    /// </summary>
    /// <param name="Ticket">Names the change; never used before.</param>
    /// <param name="By">The session that asks for it, and shows nothing old of <paramref name="Named"/>; null: the coordinator.</param>
    /// <param name="Named">Files whose attributes, or names inside, change: those that the request names.</param>
    /// <param name="Found">Further ones, that the session may not know of.</param>
    public sealed record Begin(long Ticket, SessionId? By, IReadOnlyList<FileId> Named, IReadOnlyList<FileId> Found) : LeaseInput;

    /// <summary>The change was made, or was not.</summary>
    public sealed record End(long Ticket) : LeaseInput;

    /// <summary>The session keeps nothing any more of what this recall named.</summary>
    public sealed record Returned(SessionId Session, long Recall) : LeaseInput;

    /// <summary>The moment of the last <see cref="LeaseEffect.SetTimer"/> has come (being early or late does no harm).</summary>
    public sealed record TimerFired : LeaseInput;
}
