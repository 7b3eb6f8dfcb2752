using Covol.Fuse;
using Covol.Protocol.Volume;

namespace Covol.Mount;

/// <summary>The one place where a volume's refusals become the numbers that programs see, as a local file system gives them.</summary>
internal static class Errno
{
    /// <summary>ENXIO of errno-base.h: SEEK_DATA and SEEK_HOLE at or past the end.</summary>
    public const int NoSuchPosition = 6;

    public static int Of(VolumeError error) => error switch
    {
        VolumeError.NotFound => FuseErrno.NoEntry,
        VolumeError.Exists => FuseErrno.Exists,
        VolumeError.NotDirectory => FuseErrno.NotDirectory,
        VolumeError.IsDirectory => FuseErrno.IsDirectory,
        VolumeError.NotEmpty => FuseErrno.NotEmpty,
        VolumeError.InvalidName => FuseErrno.Invalid,
        VolumeError.NameTooLong => FuseErrno.NameTooLong,
        VolumeError.InvalidArgument => FuseErrno.Invalid,
        VolumeError.NoSpace => FuseErrno.NoSpace,
        VolumeError.FileTooLarge => FuseErrno.FileTooLarge,
        VolumeError.Stale => FuseErrno.Stale,
        VolumeError.NotSupported => FuseErrno.NotSupported,
        VolumeError.NoSuchAttribute => FuseErrno.NoData,
        VolumeError.TooSmall => FuseErrno.OutOfRange,
        VolumeError.TooManyLinks => FuseErrno.TooManyLinks,
        VolumeError.LockConflict => FuseErrno.TryAgain,
        VolumeError.Deadlock => FuseErrno.Deadlock,
        VolumeError.Interrupted => FuseErrno.Interrupted,
        VolumeError.NoSuchHandle => FuseErrno.BadDescriptor,
        VolumeError.NotPermitted => FuseErrno.NotPermitted,
        VolumeError.Busy => FuseErrno.Busy,
        VolumeError.ReadOnly => FuseErrno.ReadOnly,

        // What only the client itself can act on has failed as I/O by the time a program hears of it.
        VolumeError.IoFailed
            or VolumeError.BadRequest
            or VolumeError.WrongEpoch
            or VolumeError.SessionUnknown
            or VolumeError.InGrace
            or VolumeError.ReclaimRefused
            or VolumeError.NotServing => FuseErrno.InputOutput,

        // An error of a newer coordinator: the program learns that it did not work, the log which one it was.
        _ => FuseErrno.InputOutput,
    };
}
