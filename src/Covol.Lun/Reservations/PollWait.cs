using System.Runtime.InteropServices;

namespace Covol.Lun.Reservations;

/// <summary>Short waits between two looks at a condition that nothing announces. Off the data path only.</summary>
internal static unsafe class PollWait
{
    public static void For(int milliseconds)
    {
        // An early end (EINTR) is only an early look.
        _ = Interop.Libc.Poll(null, 0, milliseconds);
    }

    /// <summary>Waits until the descriptor is readable, at most that long. True: it is.</summary>
    public static bool Readable(SafeHandle descriptor, int milliseconds)
    {
        var entry = new Interop.Libc.PollEntry
        {
            Descriptor = (int)descriptor.DangerousGetHandle(),
            Events = Interop.Libc.POLLIN,
        };
        var ready = Interop.Libc.Poll(&entry, 1, milliseconds);
        GC.KeepAlive(descriptor);
        return ready > 0 && (entry.Returned & Interop.Libc.POLLIN) != 0;
    }
}
