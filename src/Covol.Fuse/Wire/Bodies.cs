using System.Runtime.InteropServices;

namespace Covol.Fuse.Wire;

// The bodies of requests as the kernel lays them out: include/uapi/linux/fuse.h, protocol 7.45 (Linux 6.18). A request is the
// header, the body, then names (each ended by a zero byte), then data.

/// <summary>struct fuse_in_header.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct RequestHeader
{
    public uint Length;
    public uint Opcode;
    public ulong Unique;
    public ulong Node;
    public uint UserId;
    public uint GroupId;
    public uint ProcessId;

    /// <summary>Length of extensions at the end, in units of 8 bytes.</summary>
    public ushort ExtensionLength;
    public ushort Padding;
}

/// <summary>struct fuse_out_header.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ReplyHeader
{
    public uint Length;

    /// <summary>Negative errno, 0, or for notifications their code.</summary>
    public int Error;
    public ulong Unique;
}

/// <summary>struct fuse_getattr_in.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct GetAttributesBody
{
    public uint Flags;
    public uint Reserved;
    public ulong Handle;

    /// <summary>The handle is valid.</summary>
    public readonly bool HasHandle => (Flags & 1) != 0;
}

/// <summary>struct fuse_setattr_in.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SetAttributesBody
{
    public FuseAttributeChange Valid;
    public uint Padding;
    public ulong Handle;
    public ulong Size;
    public ulong LockOwner;
    public long AccessSeconds;
    public long ModifySeconds;
    public long ChangeSeconds;
    public uint AccessNanoseconds;
    public uint ModifyNanoseconds;
    public uint ChangeNanoseconds;
    public uint Mode;
    public uint Unused4;
    public uint UserId;
    public uint GroupId;
    public uint Unused5;
}

/// <summary>struct fuse_mknod_in; the new name follows.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MakeNodeBody
{
    public uint Mode;
    public uint Device;
    public uint Mask;
    public uint Padding;
}

/// <summary>struct fuse_mkdir_in; the new name follows.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MakeDirectoryBody
{
    public uint Mode;
    public uint Mask;
}

/// <summary>struct fuse_rename_in and fuse_rename2_in (flags 0 for the first); old and new name follow.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct RenameBody
{
    public ulong NewParent;

    /// <summary>RENAME_NOREPLACE (1), RENAME_EXCHANGE (2), RENAME_WHITEOUT (4).</summary>
    public uint Flags;
    public uint Padding;
}

/// <summary>struct fuse_link_in; the new name follows.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LinkBody
{
    public ulong OldNode;
}

/// <summary>struct fuse_open_in, of OPEN and OPENDIR.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct OpenBody
{
    /// <summary>The flags of open(2), without O_CREAT, O_EXCL and O_NOCTTY.</summary>
    public uint Flags;
    public uint OpenFlags;
}

/// <summary>struct fuse_create_in, of CREATE and TMPFILE; the new name follows.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct CreateBody
{
    public uint Flags;
    public uint Mode;
    public uint Mask;
    public uint OpenFlags;
}

/// <summary>struct fuse_release_in, of RELEASE and RELEASEDIR.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ReleaseBody
{
    public ulong Handle;
    public uint Flags;
    public uint ReleaseFlags;
    public ulong LockOwner;

    /// <summary>A flock of <see cref="LockOwner"/> ends. A lock of an open file description ends without this flag.</summary>
    public readonly bool UnlocksFlock => (ReleaseFlags & 2) != 0;
}

/// <summary>struct fuse_flush_in.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct FlushBody
{
    public ulong Handle;
    public uint Unused;
    public uint Padding;

    /// <summary>Its POSIX locks on the file end with this close.</summary>
    public ulong LockOwner;
}

/// <summary>struct fuse_read_in, of READ, READDIR and READDIRPLUS.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ReadBody
{
    public ulong Handle;

    /// <summary>Byte in the file; in a directory the cookie after which to go on.</summary>
    public ulong Offset;
    public uint Size;
    public uint ReadFlags;
    public ulong LockOwner;

    /// <summary>The flags of the open file, as of open(2): O_DIRECT is among them.</summary>
    public uint Flags;
    public uint Padding;
}

/// <summary>struct fuse_write_in; the bytes follow, page-aligned.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct WriteBody
{
    public ulong Handle;
    public ulong Offset;
    public uint Size;
    public uint WriteFlags;
    public ulong LockOwner;

    /// <summary>The flags of the open file, as of open(2): O_DIRECT and O_APPEND are among them.</summary>
    public uint Flags;
    public uint Padding;

    /// <summary>Written back from the page cache: handle and owner are guesses of the kernel.</summary>
    public readonly bool FromCache => (WriteFlags & 1) != 0;

    /// <summary>The file's set-user and set-group bits must go.</summary>
    public readonly bool KillsSetId => (WriteFlags & 4) != 0;
}

/// <summary>struct fuse_fsync_in, of FSYNC and FSYNCDIR.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SyncBody
{
    public ulong Handle;
    public uint Flags;
    public uint Padding;

    public readonly bool DataOnly => (Flags & 1) != 0;
}

/// <summary>struct fuse_setxattr_in in its short form (FUSE_SETXATTR_EXT is not negotiated); name, then value follow.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SetExtendedAttributeBody
{
    public uint Size;

    /// <summary>XATTR_CREATE (1), XATTR_REPLACE (2).</summary>
    public uint Flags;
}

/// <summary>struct fuse_getxattr_in, of GETXATTR (its name follows) and LISTXATTR.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct GetExtendedAttributeBody
{
    /// <summary>Room of the caller in bytes; 0 asks how much is needed.</summary>
    public uint Size;
    public uint Padding;
}

/// <summary>struct fuse_lk_in, of GETLK, SETLK and SETLKW.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct LockBody
{
    public ulong Handle;

    /// <summary>Who holds it: a process's files (POSIX) or an open file (flock, locks of open file descriptions).</summary>
    public ulong Owner;
    public FuseLock Lock;
    public uint Flags;
    public uint Padding;

    public readonly bool IsFlock => (Flags & 1) != 0;
}

/// <summary>struct fuse_access_in.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct AccessBody
{
    public uint Mask;
    public uint Padding;
}

/// <summary>struct fuse_ioctl_in.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ControlBody
{
    public ulong Handle;
    public uint Flags;
    public uint Command;
    public ulong Argument;
    public uint InputSize;
    public uint OutputSize;
}

/// <summary>struct fuse_fallocate_in.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct AllocateBody
{
    public ulong Handle;
    public ulong Offset;
    public ulong Length;

    /// <summary>FALLOC_FL_*.</summary>
    public uint Mode;
    public uint Padding;
}

/// <summary>struct fuse_lseek_in.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SeekBody
{
    public ulong Handle;
    public ulong Offset;

    /// <summary>SEEK_DATA (3) or SEEK_HOLE (4).</summary>
    public uint Whence;
    public uint Padding;
}

/// <summary>struct fuse_copy_file_range_in. The request's own node is the source.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct CopyBody
{
    public ulong SourceHandle;
    public ulong SourceOffset;
    public ulong TargetNode;
    public ulong TargetHandle;
    public ulong TargetOffset;
    public ulong Length;
    public ulong Flags;
}

/// <summary>struct fuse_statx_in.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ExtendedStatusBody
{
    public uint GetAttributesFlags;
    public uint Reserved;
    public ulong Handle;
    public uint Flags;

    /// <summary>STATX_*: what the caller wants.</summary>
    public uint Mask;
}
