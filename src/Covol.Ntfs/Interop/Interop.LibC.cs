using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Ntfs;

internal static partial class Interop
{
    /// <summary>glibc.</summary>
    internal static partial class LibC
    {
        /// <summary>The next offset at or after this one where data lies (Linux, unistd.h); errno ENXIO: none.</summary>
        public const int SEEK_DATA = 3;

        /// <summary>The next offset where a hole begins; the file's end is one.</summary>
        public const int SEEK_HOLE = 4;

        public const int ENXIO = 6;

        [LibraryImport("libc", SetLastError = true)]
        public static partial long lseek(SafeFileHandle file, long offset, int whence);
    }
}
