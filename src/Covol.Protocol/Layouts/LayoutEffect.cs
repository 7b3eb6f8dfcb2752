using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Layouts;

/// <summary>What a <see cref="LayoutMachine"/> wants done.</summary>
public abstract record LayoutEffect
{
    private LayoutEffect()
    {
    }

    public sealed record Granted(LayoutGeneration Generation) : LayoutEffect;

    public sealed record Denied(TimeSpan AskAgainAfter, string Reason) : LayoutEffect;

    /// <param name="Accepted">False: the session was fenced; it must not count on its layouts any longer than it did.</param>
    public sealed record LeaseRenewed(bool Accepted) : LayoutEffect;

    public sealed record SendRecall(SessionId Session, FileId File, LayoutGeneration Generation) : LayoutEffect;

    /// <summary>Preempt and abort this key, verify, then say <see cref="LayoutInput.FenceCompleted"/>.</summary>
    public sealed record StartFence(SessionId Session, ReservationKey DataKey, string Reason) : LayoutEffect;

    /// <summary>The session's key is fenced: it can write no more. Where it was evicted, its locks and opens go now.</summary>
    public sealed record SessionFenced(SessionId Session, bool Evicted) : LayoutEffect;

    /// <summary>The session was evicted, and now its node reads nothing under its layouts any more either.</summary>
    public sealed record LeaseEnded(SessionId Session) : LayoutEffect;

    public sealed record RecallCompleted(FileId File, long Ticket) : LayoutEffect;

    /// <summary>Replaces the timer; null: none is needed.</summary>
    public sealed record SetTimer(Moment? At) : LayoutEffect;
}
