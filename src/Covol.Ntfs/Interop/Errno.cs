using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>The error numbers (asm-generic/errno.h) that come from libntfs-3g or that our device callbacks answer.</summary>
internal static class Errno
{
    public const int EPERM = 1;
    public const int ENOENT = 2;
    public const int EIO = 5;
    public const int EEXIST = 17;
    public const int EINVAL = 22;
    public const int EFBIG = 27;
    public const int ENOSPC = 28;
    public const int EMLINK = 31;
    public const int ENAMETOOLONG = 36;
    public const int ENOTEMPTY = 39;
    public const int ENODATA = 61;
    public const int EOPNOTSUPP = 95;

    /// <summary>What a caller can act on; null when the number means that the volume or the LUN is broken.</summary>
    public static VolumeError? AsVolumeError(int errno) => errno switch
    {
        ENOENT => VolumeError.NotFound,
        EEXIST => VolumeError.Exists,
        EFBIG => VolumeError.FileTooLarge,
        ENOSPC => VolumeError.NoSpace,
        EMLINK => VolumeError.TooManyLinks,
        ENAMETOOLONG => VolumeError.NameTooLong,
        ENOTEMPTY => VolumeError.NotEmpty,
        ENODATA => VolumeError.NoSuchAttribute,
        EOPNOTSUPP => VolumeError.NotSupported,
        _ => null,
    };
}
