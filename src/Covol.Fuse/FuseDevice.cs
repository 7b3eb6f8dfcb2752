using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Fuse;

/// <summary>The descriptor through which kernel and server talk.</summary>
internal static unsafe class FuseDevice
{
    internal static SafeFileHandle Open()
    {
        const int flags = Interop.Libc.O_RDWR | Interop.Libc.O_CLOEXEC | Interop.Libc.O_NONBLOCK;
        var device = Interop.Libc.Open("/dev/fuse", flags, 0);
        if (device.IsInvalid)
        {
            var errno = Marshal.GetLastPInvokeError();
            device.Dispose();
            throw new FuseException("/dev/fuse could not be opened; load the kernel module 'fuse'", errno);
        }

        return device;
    }

    internal static void MakeNonBlocking(SafeFileHandle device)
    {
        var flags = Interop.Libc.Control(device, Interop.Libc.F_GETFL, 0);
        if (flags < 0 || Interop.Libc.Control(device, Interop.Libc.F_SETFL, flags | Interop.Libc.O_NONBLOCK) < 0)
        {
            throw new FuseException("The FUSE descriptor cannot be set to non-blocking", Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Bytes read, or the negative errno.</summary>
    internal static int Read(int device, nint target, int length)
    {
        var read = (int)Interop.Libc.Read(device, target, (nuint)length);
        return read >= 0 ? read : -Marshal.GetLastPInvokeError();
    }

    /// <summary>Sends a whole message: 0, or the negative errno.</summary>
    internal static int Write(int device, nint message, int length) => Write(device, new ReadOnlySpan<byte>((void*)message, length));

    /// <summary>Sends a whole message: 0, or the negative errno.</summary>
    internal static int Write(int device, ReadOnlySpan<byte> message)
    {
        fixed (byte* first = message)
        {
            return Interop.Libc.Write(device, first, (nuint)message.Length) >= 0 ? 0 : -Marshal.GetLastPInvokeError();
        }
    }
}
