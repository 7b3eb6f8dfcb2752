using System.Runtime.InteropServices;

namespace Covol.Lab;

internal static partial class Interop
{
    internal static partial class Libc
    {
        /// <summary>O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC of x86_64 and arm64 Linux.</summary>
        internal const int NewFileForWriting = 0x1 | 0x40 | 0x80 | 0x80000;

        [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
        internal static partial int Open(string path, int flags, int mode);

        [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
        internal static partial nint Write(int descriptor, ReadOnlySpan<byte> data, nint length);

        [LibraryImport(Library, EntryPoint = "close", SetLastError = true)]
        internal static partial int Close(int descriptor);

        [LibraryImport(Library, EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
        internal static partial int Unlink(string path);

        [LibraryImport(Library, EntryPoint = "sync")]
        internal static partial void Sync();
    }
}
