namespace Covol.Fuse;

/// <summary>Why a server ended.</summary>
public enum FuseServerEnd
{
    /// <summary>It was stopped and has answered what it had; the mount lives on and waits for a successor.</summary>
    Stopped,

    /// <summary>The file system was unmounted.</summary>
    Unmounted,

    /// <summary>The connection was aborted: programs got errors.</summary>
    Aborted,
}
