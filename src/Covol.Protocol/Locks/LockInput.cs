using Covol.Protocol.Ids;

namespace Covol.Protocol.Locks;

/// <summary>What a <see cref="LockMachine"/> is told. Each of the first four is answered by exactly one <see cref="LockEffect"/>
/// that comes before all others of the step.</summary>
public abstract record LockInput
{
    private LockInput()
    {
    }

    /// <summary>Answered by <see cref="LockEffect.Tested"/>.</summary>
    public sealed record Test(SessionId Session, FileId File, LockOwner Owner, LockKind Kind, LockMode Mode, LockRange Range) : LockInput;

    /// <summary>
    /// Takes, changes or drops a lock. Answered by <see cref="LockEffect.Taken"/>, <see cref="LockEffect.Refused"/> or, with
    /// <paramref name="Wait"/>, <see cref="LockEffect.Queued"/>.
    /// </summary>
    public sealed record Set(SessionId Session, FileId File, HandleId Handle, HeldLock Lock, bool Wait) : LockInput;

    /// <summary>
    /// All locks that a session held through a handle before a takeover: all or none. Answered by <see cref="LockEffect.Taken"/>
    /// or <see cref="LockEffect.Refused"/>.
    /// </summary>
    public sealed record Reclaim(SessionId Session, FileId File, HandleId Handle, IReadOnlyList<HeldLock> Locks) : LockInput;

    /// <summary>
    /// Takes a waiter out. <see cref="LockEffect.Resolved"/> with Interrupted follows when it was still waiting.
    /// </summary>
    public sealed record Cancel(SessionId Session, FileId File, long Ticket) : LockInput;

    /// <summary>Drops an owner's range locks on a file; its flock stays (it belongs to the open file).</summary>
    public sealed record ReleaseOwner(SessionId Session, FileId File, LockOwner Owner) : LockInput;

    /// <summary>Drops every lock taken through a handle, and its waiters: for OFD locks nothing else tells their end.</summary>
    public sealed record ReleaseHandle(SessionId Session, FileId File, HandleId Handle) : LockInput;

    /// <summary>The session ended: all its locks and waiters go.</summary>
    public sealed record ReleaseSession(SessionId Session) : LockInput;
}
