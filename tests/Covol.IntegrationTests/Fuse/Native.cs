using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.IntegrationTests.Fuse;

/// <summary>What the tests need of libc and .NET does not offer.</summary>
internal static partial class Native
{
    internal const int ReadWrite = 2;
    internal const int Direct = 0x4000;
    internal const int CloseOnExec = 0x80000;
    internal const int SetLockOfOpenFile = 37;
    internal const short ExclusiveLock = 1;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial SafeFileHandle Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Control(SafeFileHandle file, int command, ref FileLock argument);

    [LibraryImport("libc", EntryPoint = "munlockall", SetLastError = true)]
    internal static partial int UnlockAllMemory();

    /// <summary>struct flock of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct FileLock
    {
        public short Kind;
        public short Whence;
        public long Start;
        public long Length;
        public int Process;
    }
}
