using System.Runtime.InteropServices;

namespace Covol.VolumeClient;

internal static partial class Interop
{
    internal static partial class LibC
    {
        /// <summary>CLOCK_BOOTTIME of linux/time.h: monotonic, and goes on while the machine sleeps.</summary>
        internal const int BootTime = 7;

        /// <summary>struct timespec of a 64-bit Linux.</summary>
        [StructLayout(LayoutKind.Sequential)]
        internal struct TimeSpec
        {
            public long Seconds;
            public long Nanoseconds;
        }

        /// <summary>Answered by the vDSO without entering the kernel, so the garbage collector need not be told.</summary>
        [SuppressGCTransition]
        [LibraryImport("libc", EntryPoint = "clock_gettime")]
        internal static unsafe partial int ClockGetTime(int clock, TimeSpec* time);
    }
}
