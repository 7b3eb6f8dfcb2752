using Covol.Fuse;
using Covol.Protocol.Files;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Mount;

/// <summary>A volume's records in the kernel's shapes.</summary>
internal static class FuseShapes
{
    // asm-generic/fcntl.h, stat.h
    public const uint OpenAccessMask = 3;
    public const uint OpenExclusive = 0x80;
    public const uint OpenTruncate = 0x200;
    public const uint OpenAppend = 0x400;

    /// <summary>O_DSYNC, which is part of O_SYNC; the kernel sets it for RWF_DSYNC too.</summary>
    public const uint OpenDataSync = 0x1000;
    public const uint OpenDirect = 0x4000;

    /// <summary>What O_SYNC has besides O_DSYNC: the times are to be stable too.</summary>
    public const uint OpenSyncTimes = 0x100000;
    private const int KindShift = 12;
    private const uint PermissionMask = 0xFFF;
    private const int AttributeBlock = 512;

    /// <summary>What programs take as a good size for one read or write.</summary>
    private const uint PreferredTransfer = 1 << 17;

    public static FuseAttributes Attributes(InodeAttributes attributes, ulong inode) => new()
    {
        Inode = inode,
        Size = (ulong)attributes.Size.Value,
        Blocks = (ulong)((attributes.Allocated.Value + AttributeBlock - 1) / AttributeBlock),
        AccessSeconds = attributes.Accessed.UnixSeconds,
        ModifySeconds = attributes.Modified.UnixSeconds,
        ChangeSeconds = attributes.Changed.UnixSeconds,
        AccessNanoseconds = attributes.Accessed.UnixNanoseconds,
        ModifyNanoseconds = attributes.Modified.UnixNanoseconds,
        ChangeNanoseconds = attributes.Changed.UnixNanoseconds,
        Mode = Mode(attributes.Kind) | ((uint)attributes.Mode & PermissionMask),
        Links = (uint)attributes.LinkCount,
        UserId = attributes.Owner,
        GroupId = attributes.Group,
        Device = attributes.Device,
        BlockSize = PreferredTransfer,
    };

    /// <summary>The kind's bits of st_mode: DT_* shifted.</summary>
    public static uint Mode(FileKind kind) => (uint)kind << KindShift;

    public static FileKind KindOf(uint mode) => (FileKind)((mode >> KindShift) & 0xF) switch
    {
        0 => FileKind.Regular,
        var kind when Enum.IsDefined(kind) => kind,
        _ => throw new VolumeException(VolumeError.InvalidArgument, $"{mode:o} is no kind of file."),
    };

    public static int Permissions(uint mode) => (int)(mode & PermissionMask);

    public static OpenAccess AccessOf(uint flags) => (flags & OpenAccessMask) switch
    {
        0 => OpenAccess.Read,
        1 => OpenAccess.Write,

        // 3 is Linux' own: for device controls, with the permissions for both (open(2)).
        _ => OpenAccess.ReadWrite,
    };

    /// <summary>What a write by a user leaves of a mode. Without group execution the group's bit means something else and stays.</summary>
    public static int WithoutSetId(int mode)
    {
        const int user = 0x800;
        const int groupAndItsExecution = 0x400 | 0x8;
        var left = mode & ~user;
        return (left & groupAndItsExecution) == groupAndItsExecution ? left & ~0x400 : left;
    }

    public static FileTime Time(long seconds, uint nanoseconds) => FileTime.FromUnix(seconds, nanoseconds);
}
