using System.Runtime.InteropServices;

namespace Covol.Fuse;

/// <summary>A range lock (struct fuse_file_lock, 24 bytes). End is the last byte, 2^63-1 when open.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct FuseLock
{
    public const uint Shared = 0;
    public const uint Exclusive = 1;
    public const uint Unlocked = 2;

    public ulong Start;
    public ulong End;

    /// <summary>One of the constants of this type (F_RDLCK, F_WRLCK, F_UNLCK).</summary>
    public uint Kind;
    public uint ProcessId;
}
