using System.Runtime.InteropServices;

namespace Covol.Cluster;

internal static partial class Interop
{
    internal static partial class LibC
    {
        public const int SIGTERM = 15;

        /// <summary>linux/time.h.</summary>
        public const int CLOCK_BOOTTIME = 7;

        private const string Library = "libc";

        [LibraryImport(Library, EntryPoint = "kill", SetLastError = true)]
        public static partial int Kill(int pid, int signal);

        [LibraryImport(Library, EntryPoint = "clock_gettime", SetLastError = true)]
        public static partial int ClockGetTime(int clock, out TimeSpec time);

        /// <summary>struct timespec on 64-bit Linux.</summary>
        [StructLayout(LayoutKind.Sequential)]
        public struct TimeSpec
        {
            public long Seconds;
            public long Nanoseconds;
        }
    }
}
