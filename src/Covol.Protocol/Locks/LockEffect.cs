using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Protocol.Locks;

/// <summary>What a <see cref="LockMachine"/> wants done.</summary>
public abstract record LockEffect
{
    private LockEffect()
    {
    }

    /// <summary>The lock is held (or dropped, as asked).</summary>
    public sealed record Taken : LockEffect;

    public sealed record Refused(VolumeError Error, string Detail) : LockEffect;

    /// <summary>The request waits under this ticket.</summary>
    public sealed record Queued(long Ticket) : LockEffect;

    /// <summary>Null: nothing stands in the way.</summary>
    public sealed record Tested(HeldLock? Conflict) : LockEffect;

    /// <summary>A waiter's end: granted where <paramref name="Error"/> is null.</summary>
    public sealed record Resolved(SessionId Session, FileId File, long Ticket, VolumeError? Error) : LockEffect;
}
