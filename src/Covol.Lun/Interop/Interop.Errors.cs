using System.Runtime.InteropServices;

namespace Covol.Lun;

internal static partial class Interop
{
    /// <summary>errno as this project needs it (asm-generic/errno*.h).</summary>
    internal static class Errno
    {
        public const int EPERM = 1;
        public const int ENOENT = 2;
        public const int ESRCH = 3;
        public const int EINTR = 4;
        public const int EIO = 5;
        public const int ENXIO = 6;
        public const int EAGAIN = 11;
        public const int EACCES = 13;
        public const int EBUSY = 16;
        public const int EEXIST = 17;
        public const int ENODEV = 19;
        public const int ENOTDIR = 20;
        public const int EISDIR = 21;
        public const int EINVAL = 22;
        public const int ETXTBSY = 26;
        public const int EFBIG = 27;
        public const int ENOSPC = 28;
        public const int EROFS = 30;
        public const int ENAMETOOLONG = 36;
        public const int ENOSYS = 38;
        public const int ELOOP = 40;
        public const int EBADE = 52;
        public const int ENODATA = 61;
        public const int ENOLINK = 67;
        public const int EILSEQ = 84;
        public const int EOPNOTSUPP = 95;
        public const int ETIMEDOUT = 110;
        public const int EHOSTDOWN = 112;
        public const int ESTALE = 116;
        public const int EREMOTEIO = 121;
        public const int EDQUOT = 122;

        /// <summary>
        /// The only place where an errno becomes a failure of ours. <c>HResult</c> keeps the number; what failed reads like
        /// "Reading 512 bytes of '/x' at 0".
        /// </summary>
        public static LunException Failure(int errno, string whatFailed)
        {
            var error = errno switch
            {
                ENOENT or EACCES or EPERM or EISDIR or ENOTDIR or ELOOP or ENAMETOOLONG or EROFS or ETXTBSY => LunError.NotFound,
                ENOSPC or EDQUOT => LunError.NoSpace,
                EFBIG => LunError.OutOfRange,
                // The block layer's word for a reservation conflict (BLK_STS_RESV_CONFLICT).
                EBADE => LunError.ReservationConflict,
                ENXIO or ENODEV or ENOLINK or ETIMEDOUT or EHOSTDOWN or ESTALE => LunError.PathLost,
                _ => LunError.MediaFailed,
            };
            return new LunException(error, $"{whatFailed} failed: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno}).")
            {
                HResult = errno,
            };
        }

        /// <summary>
        /// The same for a write. The block layer says EIO of whatever it has no better word for, a command that timed out below a path among it:
        /// such a write may still land, and only who preempts and drains the key that it came under ends it (SAFETY 3, 9). What the device itself
        /// answered is over: a bad medium (BLK_STS_MEDIUM), a refused command (BLK_STS_TARGET), wrong protection data.
        /// </summary>
        /// <param name="errno">What the kernel said.</param>
        /// <param name="whatFailed">As in "Writing 512 bytes of '/x' at 0".</param>
        /// <param name="mayHavePath">Below the LUN may be a path. The kernel's file systems end a write when nothing of it is left.</param>
        public static LunException FailedWrite(int errno, string whatFailed, bool mayHavePath)
        {
            var failure = Failure(errno, whatFailed);
            return mayHavePath && failure.Error == LunError.MediaFailed && errno is not (ENODATA or EREMOTEIO or EILSEQ or EINVAL or EOPNOTSUPP)
                ? new LunException(LunError.PathLost, $"{failure.Message} It may still land.") { HResult = errno }
                : failure;
        }
    }
}
