using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Lun;

/// <summary>
/// Keeps other programs of this machine off a block device (SAFETY 18): while one process of ours has it open O_EXCL, nobody can mount
/// it, put it under a device mapper or claim it. The kernel gives that to one description, and several processes of Covol use the
/// device: whoever claims holds a lock on a file beside the reservation table, which tells the others that the claim is ours.
/// </summary>
internal sealed class BlockDeviceClaim : IDisposable
{
    private readonly SafeFileHandle _lock;
    private readonly SafeFileHandle _device;

    private BlockDeviceClaim(SafeFileHandle lockFile, SafeFileHandle device)
    {
        _lock = lockFile;
        _device = device;
    }

    /// <summary>
    /// Null: another process of Covol has claimed it. Throws <see cref="LunException"/> with a sentence when it is in use by
    /// another program.
    /// </summary>
    public static BlockDeviceClaim? TryTake(string device, string lockPath)
    {
        var lockFile = Interop.Libc.Open(
            lockPath, Interop.Libc.O_RDWR | Interop.Libc.O_CREAT | Interop.Libc.O_NOFOLLOW | Interop.Libc.O_CLOEXEC, 0x180);
        try
        {
            if (lockFile.IsInvalid)
            {
                throw Interop.Errno.Failure(Marshal.GetLastPInvokeError(), $"Opening '{lockPath}'");
            }

            if (Interop.Libc.FLock(lockFile, Interop.Libc.LOCK_EX | Interop.Libc.LOCK_NB) != 0)
            {
                var errno = Marshal.GetLastPInvokeError();
                if (errno != Interop.Errno.EAGAIN)
                {
                    throw Interop.Errno.Failure(errno, $"Locking '{lockPath}'");
                }

                lockFile.Dispose();
                return null;
            }

            var claimed = Interop.Libc.Open(device, Interop.Libc.O_EXCL | Interop.Libc.O_CLOEXEC, 0);
            if (claimed.IsInvalid)
            {
                var errno = Marshal.GetLastPInvokeError();
                claimed.Dispose();
                throw errno == Interop.Errno.EBUSY
                    ? new LunException(
                        LunError.NotFound,
                        $"'{device}' is in use by another program of this machine: it is mounted, or part of a RAID, an LVM or a multipath map. "
                        + "End that use, or name the device above it.")
                    : Interop.Errno.Failure(errno, $"Claiming '{device}'");
            }

            return new BlockDeviceClaim(lockFile, claimed);
        }
        catch
        {
            lockFile.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        // The device first: who gets the lock finds it free.
        _device.Dispose();
        _lock.Dispose();
    }
}
