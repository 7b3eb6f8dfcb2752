using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.VirtualMachines;

/// <summary>All calls into native code of this project.</summary>
internal static partial class Interop
{
    /// <summary>The C library; the pidfd calls need glibc 2.36 (Debian 12).</summary>
    internal static partial class Libc
    {
        internal const short PollIn = 1;
        internal const int Eintr = 4;
        internal const int Esrch = 3;

        private const string Library = "libc";

        [LibraryImport(Library, EntryPoint = "pidfd_open", SetLastError = true)]
        internal static partial int PidfdOpen(int pid, uint flags);

        [LibraryImport(Library, EntryPoint = "pidfd_send_signal", SetLastError = true)]
        internal static partial int PidfdSendSignal(SafeFileHandle pidfd, int signal, nint info, uint flags);

        [LibraryImport(Library, EntryPoint = "poll", SetLastError = true)]
        internal static partial int Poll(ref PollDescriptor descriptors, nuint count, int timeoutMilliseconds);

        [LibraryImport(Library, EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
        internal static partial int Chown(string path, int userId, int groupId);

        /// <summary>struct pollfd of poll(2).</summary>
        [StructLayout(LayoutKind.Sequential)]
        internal struct PollDescriptor
        {
            internal int Descriptor;
            internal short Events;
            internal short Returned;
        }
    }
}
