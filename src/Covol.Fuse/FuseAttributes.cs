using System.Runtime.InteropServices;

namespace Covol.Fuse;

/// <summary>Attributes of an inode as the kernel takes them (struct fuse_attr, 88 bytes).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct FuseAttributes
{
    public ulong Inode;
    public ulong Size;

    /// <summary>Allocated space in units of 512 bytes.</summary>
    public ulong Blocks;

    /// <summary>Seconds since 1970; may be negative.</summary>
    public long AccessSeconds;
    public long ModifySeconds;
    public long ChangeSeconds;
    public uint AccessNanoseconds;
    public uint ModifyNanoseconds;
    public uint ChangeNanoseconds;

    /// <summary>Kind of file and permissions, as in st_mode.</summary>
    public uint Mode;
    public uint Links;
    public uint UserId;
    public uint GroupId;
    public uint Device;
    public uint BlockSize;
    public uint Flags;
}
