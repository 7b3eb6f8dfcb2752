using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Lun.Reservations;

/// <summary>
/// How a fencer sees that the last I/O of a dead process is over (SAFETY 3). Each registration locks one byte, far behind the
/// data, through the very open file description that carries its I/O (an open-file-description lock, fcntl(2)). The kernel
/// drops such a lock when the last reference to the description goes, and every I/O in flight holds one: closing, dying and
/// being reaped do not free it earlier. The descriptor is never passed on and closes on exec.
/// </summary>
internal static unsafe class DescriptorLock
{
    /// <summary>False: somebody holds that byte already.</summary>
    public static bool TryTake(SafeFileHandle lun, long life, string path)
    {
        var range = Byte(life);
        if (Interop.Libc.FCntl(lun, Interop.Libc.F_OFD_SETLK, &range) == 0)
        {
            return true;
        }

        var errno = Marshal.GetLastPInvokeError();
        return errno is Interop.Errno.EAGAIN or Interop.Errno.EACCES
            ? false
            : throw Interop.Errno.Failure(errno, $"Locking the descriptor of '{path}'");
    }

    /// <summary>
    /// Whether the description of that registration is still open, or has I/O in flight. Seen from another description.
    /// </summary>
    public static bool IsHeld(SafeFileHandle lun, long life, string path) => IsHeld(lun, Byte(life), path);

    /// <summary>Whether any other description of this LUN is registered, by whatever table.</summary>
    public static bool IsAnyHeld(SafeFileHandle lun, string path)
    {
        var all = Byte(0);
        all.Length = 0;
        return IsHeld(lun, all, path);
    }

    private static bool IsHeld(SafeFileHandle lun, Interop.Libc.FileLock range, string path) =>
        Interop.Libc.FCntl(lun, Interop.Libc.F_OFD_GETLK, &range) == 0
            ? range.Type != Interop.Libc.F_UNLCK
            : throw Interop.Errno.Failure(Marshal.GetLastPInvokeError(), $"Looking at the locks of '{path}'");

    private static Interop.Libc.FileLock Byte(long life) => new()
    {
        Type = Interop.Libc.F_WRLCK,
        Start = TableLayout.DescriptorLocksAt + life,
        Length = 1,
    };
}
