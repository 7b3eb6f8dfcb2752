using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Cli;

/// <summary>All calls into native code of this project.</summary>
internal static partial class Interop
{
    /// <summary>The C library.</summary>
    internal static partial class Libc
    {
        private const string Library = "libc";

        /// <summary>posix_fallocate(3): 0, or the errno itself.</summary>
        [LibraryImport(Library, EntryPoint = "posix_fallocate")]
        internal static partial int PosixAllocate(SafeFileHandle file, long offset, long length);
    }
}
