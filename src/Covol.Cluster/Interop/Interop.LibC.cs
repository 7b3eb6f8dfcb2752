using System.Runtime.InteropServices;

namespace Covol.Cluster;

internal static partial class Interop
{
    internal static partial class LibC
    {
        public const int SIGTERM = 15;

        private const string Library = "libc";

        [LibraryImport(Library, EntryPoint = "kill", SetLastError = true)]
        public static partial int Kill(int pid, int signal);
    }
}
