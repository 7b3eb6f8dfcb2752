namespace Covol.Protocol.Volume;

/// <summary>Why a volume request was not carried out. The mount turns each into one errno; programs see that one.</summary>
public enum VolumeError
{
    /// <summary>No such name or attribute's file (ENOENT).</summary>
    NotFound = 1,
    Exists,
    NotDirectory,
    IsDirectory,
    NotEmpty,

    /// <summary>The name cannot be stored on this volume (EINVAL).</summary>
    InvalidName,
    NameTooLong,
    InvalidArgument,
    NoSpace,
    FileTooLarge,

    /// <summary>The file reference belongs to another file by now (ESTALE).</summary>
    Stale,
    NotSupported,

    /// <summary>The extended attribute does not exist (ENODATA).</summary>
    NoSuchAttribute,

    /// <summary>A buffer the caller gave is too small (ERANGE).</summary>
    TooSmall,
    TooManyLinks,

    /// <summary>Another owner holds a conflicting lock and the caller does not wait (EAGAIN).</summary>
    LockConflict,
    Deadlock,
    Interrupted,

    /// <summary>The handle is unknown in this session (EBADF).</summary>
    NoSuchHandle,

    /// <summary>The operation is not allowed on this file, whoever asks (EPERM).</summary>
    NotPermitted,
    Busy,
    ReadOnly,

    /// <summary>The LUN failed the request and the wait limit is over (EIO).</summary>
    IoFailed,

    /// <summary>The message is not one a correct client sends. The connection ends.</summary>
    BadRequest,

    /// <summary>The request names another epoch than the coordinator's. The client learns the new coordinator and asks again.</summary>
    WrongEpoch,

    /// <summary>The session ended (evicted) or never existed. Its handles and locks are gone.</summary>
    SessionUnknown,

    /// <summary>Grace is running: only reclaims are taken. Ask again.</summary>
    InGrace,

    /// <summary>What is reclaimed was revoked or is another's by now (SAFETY 21).</summary>
    ReclaimRefused,

    /// <summary>The coordinator is about to hand over or to end. Ask again, elsewhere.</summary>
    NotServing,

    /// <summary>
    /// It would keep others from the file for too long. What was done of it stays; asked again under the same id it goes on from there.
    /// </summary>
    AskAgain,
}
