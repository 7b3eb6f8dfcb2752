namespace Covol.Protocol.Locks;

/// <summary>The two lock spaces of a file: they never conflict with each other, as on a local Linux file system.</summary>
public enum LockKind
{
    /// <summary>Byte-range locks: POSIX (<c>F_SETLK</c>) and open file description (<c>F_OFD_SETLK</c>) ones.</summary>
    Range = 1,

    /// <summary>Whole-file locks of <c>flock(2)</c>.</summary>
    Flock = 2,
}
