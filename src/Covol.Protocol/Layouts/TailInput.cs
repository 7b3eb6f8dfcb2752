using Covol.Protocol.Ids;

namespace Covol.Protocol.Layouts;

/// <summary>What a <see cref="TailMachine"/> is told.</summary>
public abstract record TailInput
{
    private TailInput()
    {
    }

    /// <summary>
    /// A session was given the tail of a file, or had it before a takeover. <see cref="TailMachine.MayClaim"/> was asked before.
    /// </summary>
    public sealed record Claimed(FileId File, SessionId Session, LayoutGeneration Generation) : TailInput;

    /// <summary>What the session told is stable, and it writes there no more; or the session is fenced and over. That is stable too.</summary>
    public sealed record Ended(FileId File) : TailInput;

    /// <summary>
    /// Somebody looks at the file. Answered by <see cref="TailEffect.Answered"/> when all that was acknowledged before this is valid.
    /// </summary>
    public sealed record Look(FileId File, long Ticket) : TailInput;

    /// <summary>
    /// Somebody changes what lies behind valid length. Answered by <see cref="TailEffect.Answered"/> when nobody has a tail there.
    /// </summary>
    /// <param name="File">Whose tail.</param>
    /// <param name="By">Who changes it; null: the coordinator itself.</param>
    /// <param name="Ticket">For the answer.</param>
    /// <param name="IsUsedUp">Its holder writes on behind it; no reason to wait before the next one is given.</param>
    public sealed record End(FileId File, SessionId? By, long Ticket, bool IsUsedUp = false) : TailInput;

    /// <summary>
    /// The holder tells under this grant. Until <see cref="TellingEnded"/> nobody's deadline runs: what it takes from here on is the
    /// coordinator's own flush and commit.
    /// </summary>
    public sealed record TellingBegan(FileId File, LayoutGeneration Generation) : TailInput;

    /// <summary>What it told is carried out, or was refused. Exactly once after each <see cref="TellingBegan"/>.</summary>
    public sealed record TellingEnded(FileId File, LayoutGeneration Generation) : TailInput;

    /// <summary>What a session told under a ticket is stable.</summary>
    public sealed record Told(FileId File, long Ticket) : TailInput;

    /// <summary>A flush of the LUN failed: what was written in a tail and not told may be lost, so it must never become valid.</summary>
    /// <param name="Files">The flush of an earlier coordinator: the files that lost writes by it. Null: now, and all tails.</param>
    public sealed record FlushFailed(IReadOnlyCollection<FileId>? Files = null) : TailInput;

    /// <summary>The moment of the last <see cref="TailEffect.SetTimer"/> has come (being early or late does no harm).</summary>
    public sealed record TimerFired : TailInput;
}
