using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Layouts;

/// <summary>What a <see cref="TailMachine"/> wants done.</summary>
public abstract record TailEffect
{
    private TailEffect()
    {
    }

    /// <summary>Ask the session what it wrote.</summary>
    public sealed record AskHolder(SessionId Session, FileId File, LayoutGeneration Generation, long Ticket, bool IsLast) : TailEffect;

    /// <summary>A <see cref="TailInput.Look"/> or <see cref="TailInput.End"/> is over.</summary>
    public sealed record Answered(FileId File, long Ticket) : TailEffect;

    /// <summary>The session did not answer in time: its I/O may hang, and only a fence ends that. It still has to tell what it wrote.</summary>
    public sealed record FenceHolder(SessionId Session, string Reason) : TailEffect;

    /// <summary>
    /// It has not told within the limit either. Once it is fenced, and where <see cref="TailMachine.IsOverdue"/> still says so, the tail ends
    /// without what it has to tell. Said again for as long as somebody waits.
    /// </summary>
    public sealed record CutTail(SessionId Session, FileId File, LayoutGeneration Generation) : TailEffect;

    /// <summary>Replaces the timer; null: none is needed.</summary>
    public sealed record SetTimer(Moment? At) : TailEffect;
}
