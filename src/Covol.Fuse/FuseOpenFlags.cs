namespace Covol.Fuse;

/// <summary>How the kernel shall treat an open file (FOPEN_*).</summary>
[Flags]
public enum FuseOpenFlags
{
    None = 0,

    /// <summary>Past the page cache.</summary>
    DirectIo = 1 << 0,
    KeepCache = 1 << 1,
    NotSeekable = 1 << 2,
    CacheDirectory = 1 << 3,
    Stream = 1 << 4,

    /// <summary>No FLUSH at close. With locks in use this must stay off.</summary>
    NoFlush = 1 << 5,
    ParallelDirectWrites = 1 << 6,
}
