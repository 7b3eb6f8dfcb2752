using System.Runtime.InteropServices;

namespace Covol.IntegrationTests.Posix;

/// <summary>The calls that the cases make, as C programs make them. Constants are those of Linux on 64-bit machines.</summary>
internal static unsafe partial class Libc
{
    internal const int ReadOnly = 0;
    internal const int WriteOnly = 1;
    internal const int ReadWrite = 2;
    internal const int Create = 0x40;
    internal const int Exclusive = 0x80;
    internal const int Truncated = 0x200;
    internal const int Append = 0x400;
    internal const int Directory = 0x10000;
    internal const int NoFollow = 0x20000;
    internal const int Temporary = 0x410000;
    internal const int CloseOnExec = 0x80000;

    internal const int Here = -100;
    internal const int SymlinkNoFollow = 0x100;
    internal const int SymlinkFollow = 0x400;
    internal const int EmptyPath = 0x1000;
    internal const int EffectiveAccess = 0x200;

    internal const int SeekSet = 0;
    internal const int SeekEnd = 2;
    internal const int SeekData = 3;
    internal const int SeekHole = 4;

    internal const uint RenameNoReplace = 1;
    internal const uint RenameExchange = 2;

    internal const int KeepSize = 1;
    internal const int PunchHole = 2;
    internal const int CollapseRange = 8;
    internal const int InsertRange = 0x20;
    internal const int ZeroRange = 0x10;

    internal const int MustNotExist = 1;
    internal const int MustExist = 2;

    internal const long TimeNow = 0x3FFFFFFF;
    internal const long TimeOmit = 0x3FFFFFFE;

    internal const uint Fifo = 0x1000;
    internal const uint CharacterDevice = 0x2000;
    internal const uint BlockDevice = 0x6000;
    internal const uint Regular = 0x8000;
    internal const uint Socket = 0xC000;

    // Numbers of system calls on x86-64 and, where it differs, on arm64 (asm-generic/unistd.h).
    private static readonly bool s_isArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
    private static readonly long s_getDirectoryEntries = s_isArm ? 61 : 217;
    private static readonly long s_setFileUser = s_isArm ? 151 : 122;
    private static readonly long s_setFileGroup = s_isArm ? 152 : 123;
    private static readonly long s_setGroups = s_isArm ? 159 : 116;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags, uint mode);

    /// <summary>For a path that is no text.</summary>
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true)]
    internal static partial int OpenBytes(byte* path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int OpenAt(int folder, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int MakeDirectory(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "rmdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int RemoveDirectory(string path);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Unlink(string path);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int LinkAt(int fromFolder, string from, int toFolder, string to, int flags);

    [LibraryImport("libc", EntryPoint = "symlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Symlink(string target, string path);

    [LibraryImport("libc", EntryPoint = "readlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint ReadLink(string path, byte* target, nuint length);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Rename(int fromFolder, string from, int toFolder, string to, uint flags);

    [LibraryImport("libc", EntryPoint = "mknod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int MakeNode(string path, uint mode, ulong device);

    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ChangeMode(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "fchownat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ChangeOwner(int folder, string path, uint owner, uint group, int flags);

    [LibraryImport("libc", EntryPoint = "truncate", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Truncate(string path, long length);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    internal static partial int TruncateOpen(int descriptor, long length);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int Allocate(int descriptor, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Seek(int descriptor, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    internal static partial nint Read(int descriptor, byte* target, nuint length, long offset);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    internal static partial nint Write(int descriptor, byte* source, nuint length, long offset);

    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    internal static partial nint Copy(int from, long* fromOffset, int to, long* toOffset, nuint length, uint flags);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Status(int folder, string path, int flags, uint mask, Statx* status);

    [LibraryImport("libc", EntryPoint = "statfs", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int FileSystemStatus(string path, long* status);

    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int SetTimes(int folder, string path, long* times, int flags);

    [LibraryImport("libc", EntryPoint = "faccessat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Access(int folder, string path, int mode, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    internal static partial int Synchronize(int descriptor);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    internal static partial int SynchronizeFileSystem(int descriptor);

    [LibraryImport("libc", EntryPoint = "lsetxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int SetAttribute(string path, string name, byte* value, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "lgetxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint GetAttribute(string path, string name, byte* value, nuint length);

    [LibraryImport("libc", EntryPoint = "llistxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint ListAttributes(string path, byte* names, nuint length);

    [LibraryImport("libc", EntryPoint = "lremovexattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int RemoveAttribute(string path, string name);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    internal static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "msync", SetLastError = true)]
    internal static partial int SynchronizeMap(nint address, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    internal static partial int Unmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "umask")]
    internal static partial uint SetMask(uint mask);

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static partial int Unshare(int what);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(long number, nint a, nint b, nint c);

    /// <summary>From here on this thread has a file mode mask of its own.</summary>
    internal static int HaveOwnMask() => Unshare(0x200);

    internal static int DirectoryEntries(int descriptor, byte* target, int length) =>
        (int)SystemCall(s_getDirectoryEntries, descriptor, (nint)target, length);

    /// <summary>This thread alone: libc's own functions would change all threads.</summary>
    internal static void ActAs(uint user, uint group)
    {
        SystemCall(s_setGroups, 0, 0, 0);
        SystemCall(s_setFileGroup, (nint)group, 0, 0);
        SystemCall(s_setFileUser, (nint)user, 0, 0);
    }

    /// <summary>struct statx of linux/stat.h, as far as it is used here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct Statx
    {
        [FieldOffset(0)]
        public uint Mask;
        [FieldOffset(16)]
        public uint Links;
        [FieldOffset(20)]
        public uint Owner;
        [FieldOffset(24)]
        public uint Group;
        [FieldOffset(28)]
        public ushort Mode;
        [FieldOffset(32)]
        public ulong Inode;
        [FieldOffset(40)]
        public long Size;
        [FieldOffset(48)]
        public ulong Blocks;
        [FieldOffset(64)]
        public Time Accessed;
        [FieldOffset(80)]
        public Time Born;
        [FieldOffset(96)]
        public Time Changed;
        [FieldOffset(112)]
        public Time Modified;
        [FieldOffset(128)]
        public uint DeviceMajor;
        [FieldOffset(132)]
        public uint DeviceMinor;
    }

    /// <summary>struct statx_timestamp.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Time
    {
        public long Seconds;
        public uint Nanoseconds;
        public int Reserved;

        public readonly bool IsAfter(in Time other) => (Seconds, Nanoseconds).CompareTo((other.Seconds, other.Nanoseconds)) > 0;
    }
}
