using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Ring;

/// <summary>
/// Native calls of this project. Constants keep their native names; values are those of Linux on 64-bit machines.
/// </summary>
internal static partial class Interop
{
    internal static unsafe partial class Libc
    {
        private const string Library = "libc";

        internal const int PROT_READ = 1;
        internal const int PROT_WRITE = 2;
        internal const int MAP_SHARED = 0x01;
        internal const int MAP_PRIVATE = 0x02;
        internal const int MAP_ANONYMOUS = 0x20;
        internal const int MAP_NORESERVE = 0x4000;
        internal const int MAP_POPULATE = 0x8000;
        internal const int MADV_HUGEPAGE = 14;
        internal const int MADV_DONTFORK = 10;
        internal const int EFD_CLOEXEC = 0x80000;
        internal const int MCL_CURRENT = 1;
        internal const int MCL_FUTURE = 2;
        internal const int MCL_ONFAULT = 4;
        internal const int PR_SET_IO_FLUSHER = 57;

        internal const int EPERM = 1;
        internal const int EINTR = 4;
        internal const int EAGAIN = 11;
        internal const int EBUSY = 16;
        internal const int EINVAL = 22;

        internal static readonly nint MAP_FAILED = -1;

        [LibraryImport(Library, EntryPoint = "mmap", SetLastError = true)]
        internal static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, long offset);

        [LibraryImport(Library, EntryPoint = "munmap", SetLastError = true)]
        internal static partial int Unmap(nint address, nuint length);

        [LibraryImport(Library, EntryPoint = "madvise", SetLastError = true)]
        internal static partial int Advise(nint address, nuint length, int advice);

        [LibraryImport(Library, EntryPoint = "eventfd", SetLastError = true)]
        internal static partial SafeFileHandle CreateEvent(uint initial, int flags);

        [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
        internal static partial nint Write(SafeFileHandle descriptor, void* source, nuint length);

        [LibraryImport(Library, EntryPoint = "mlockall", SetLastError = true)]
        internal static partial int LockAllMemory(int flags);

        [LibraryImport(Library, EntryPoint = "prctl", SetLastError = true)]
        internal static partial int Control(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);
    }
}
