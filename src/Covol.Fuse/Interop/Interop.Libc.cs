using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Fuse;

/// <summary>
/// Native calls of this project. Constants keep their native names; values are those of Linux on 64-bit machines.
/// </summary>
internal static partial class Interop
{
    internal static unsafe partial class Libc
    {
        private const string Library = "libc";

        internal const int O_RDWR = 2;
        internal const int O_NONBLOCK = 0x800;
        internal const int O_CLOEXEC = 0x80000;
        internal const int F_GETFL = 3;
        internal const int F_SETFL = 4;
        internal const ulong MS_RDONLY = 1;
        internal const ulong MS_NOSUID = 2;
        internal const ulong MS_NODEV = 4;
        internal const int MNT_DETACH = 2;

        internal const int ENOENT = 2;
        internal const int EINTR = 4;
        internal const int EAGAIN = 11;
        internal const int EBUSY = 16;
        internal const int ENODEV = 19;
        internal const int EINVAL = 22;
        internal const int EPROTO = 71;
        internal const int ECONNABORTED = 103;
        internal const int ENOTCONN = 107;
        internal const int ECANCELED = 125;

        [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
        internal static partial SafeFileHandle Open(string path, int flags, uint mode);

        [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
        internal static partial int Control(SafeFileHandle descriptor, int command, nint argument);

        [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
        internal static partial nint Read(int descriptor, nint target, nuint length);

        [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
        internal static partial nint Write(int descriptor, void* source, nuint length);

        [LibraryImport(Library, EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
        internal static partial int Mount(string source, string target, string type, ulong flags, string options);

        [LibraryImport(Library, EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
        internal static partial int Unmount(string target, int flags);
    }
}
