namespace Covol.Protocol.Ids;

/// <summary>Who holds a lock within a session: what the kernel puts into `lk_owner` (a process for
/// POSIX locks, an open file for OFD and flock locks).</summary>
public readonly record struct LockOwner(long Value)
{
    public override string ToString() => $"owner {Value:x}";
}
