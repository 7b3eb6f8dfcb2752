using System.Runtime.InteropServices;

namespace Covol.Lab;

internal static partial class Interop
{
    internal static partial class Libc
    {
        internal const int SignalTerminate = 15;
        internal const int SignalKill = 9;

        /// <summary>ESRCH.</summary>
        internal const int NoSuchProcess = 3;

        private const string Library = "libc";

        [LibraryImport(Library, EntryPoint = "kill", SetLastError = true)]
        internal static partial int Kill(int process, int signal);
    }
}
