using Covol.Protocol.Ids;

namespace Covol.Protocol.Layouts;

/// <summary>What a <see cref="LayoutMachine"/> is told.</summary>
public abstract record LayoutInput
{
    private LayoutInput()
    {
    }

    /// <summary>
    /// A session is there, or came back with another data key after a fence. With <paramref name="MayHoldUnknown"/> it comes from
    /// the journal: until it has reclaimed, it may hold any layout.
    /// </summary>
    public sealed record SessionJoined(SessionId Session, ReservationKey DataKey, bool MayHoldUnknown) : LayoutInput;

    /// <summary>
    /// An earlier coordinator evicted and fenced this session; nobody knows what it held, and it may read that until its lease ends, which
    /// is counted anew from here. <see cref="LayoutEffect.LeaseEnded"/> follows.
    /// </summary>
    public sealed record LeaseLeft(SessionId Session) : LayoutInput;

    /// <summary>Answered by <see cref="LayoutEffect.LeaseRenewed"/>.</summary>
    public sealed record Renew(SessionId Session) : LayoutInput;

    /// <summary>The session ended by itself, after the end of its I/O.</summary>
    public sealed record SessionClosed(SessionId Session) : LayoutInput;

    /// <summary>
    /// The session is to be ended whatever it does: its key is fenced, then <see cref="LayoutEffect.SessionFenced"/> follows.
    /// </summary>
    public sealed record Evict(SessionId Session) : LayoutInput;

    /// <summary>
    /// The session comes back with another data key: the old one is drained first. <see cref="LayoutEffect.SessionFenced"/>
    /// follows.
    /// </summary>
    public sealed record FenceSession(SessionId Session, string Reason) : LayoutInput;

    /// <summary>
    /// The file has valid data with extents; answered by <see cref="LayoutEffect.Granted"/> or <see cref="LayoutEffect.Denied"/>.
    /// </summary>
    public sealed record Ask(SessionId Session, FileId File, LayoutAccess Access) : LayoutInput;

    public sealed record Return(SessionId Session, FileId File, LayoutGeneration Generation) : LayoutInput;

    /// <summary>
    /// The session held this before the takeover; its extents were compared. Answered by <see cref="LayoutEffect.Granted"/> or
    /// <see cref="LayoutEffect.Denied"/>.
    /// </summary>
    public sealed record Reclaim(SessionId Session, FileId File, LayoutAccess Access, LayoutGeneration Generation) : LayoutInput;

    /// <summary>What the session has not reclaimed by now it does not hold.</summary>
    public sealed record ReclaimCompleted(SessionId Session) : LayoutInput;

    /// <summary>Whoever has not reclaimed is fenced, because nobody knows what it may write.</summary>
    public sealed record GraceEnded : LayoutInput;

    /// <summary>Answered, at once or later, by <see cref="LayoutEffect.RecallCompleted"/> with the same ticket.</summary>
    public sealed record Recall(FileId File, RecallScope Scope, long Ticket) : LayoutInput;

    /// <summary>The key is preempted and drained, and READ KEYS does not show it any more.</summary>
    public sealed record FenceCompleted(SessionId Session, ReservationKey DataKey) : LayoutInput;

    public sealed record FenceFailed(SessionId Session, ReservationKey DataKey) : LayoutInput;

    /// <summary>The moment of the last <see cref="LayoutEffect.SetTimer"/> has come (being early or late does no harm).</summary>
    public sealed record TimerFired : LayoutInput;
}
