namespace Covol.Protocol.Locks;

/// <summary>The bytes a lock covers, both ends included, as FUSE's <c>fuse_file_lock</c> gives them.</summary>
/// <param name="First">First byte.</param>
/// <param name="Last">Last byte; <see cref="long.MaxValue"/> is "to the end, however long the file grows".</param>
public readonly record struct LockRange(long First, long Last)
{
    public static LockRange All => new(0, long.MaxValue);

    public bool Overlaps(LockRange other) => First <= other.Last && other.First <= Last;
}
