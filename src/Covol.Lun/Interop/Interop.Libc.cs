using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Lun;

/// <summary>Native calls of this project. Constants keep their native names and come from the kernel's UAPI headers.</summary>
internal static partial class Interop
{
    internal static unsafe partial class Libc
    {
        public const int O_RDWR = 0x2;
        public const int O_CREAT = 0x40;
        public const int O_EXCL = 0x80;
        public const int O_NOFOLLOW = 0x20000;
        public const int O_CLOEXEC = 0x80000;

        public const int AT_EMPTY_PATH = 0x1000;
        public const uint STATX_TYPE = 0x1;
        public const uint STATX_INO = 0x100;
        public const uint STATX_SIZE = 0x200;
        public const uint STATX_DIOALIGN = 0x2000;
        public const int S_IFMT = 0xF000;
        public const int S_IFREG = 0x8000;
        public const int S_IFBLK = 0x6000;

        /// <summary>linux/fs.h: _IO(0x12, 104), the logical block size as an int.</summary>
        public const nuint BLKSSZGET = 0x1268;

        /// <summary>linux/fs.h: _IOR(0x12, 114, size_t), the size in bytes as 64 bits.</summary>
        public const nuint BLKGETSIZE64 = 0x80081272;

        public const int FALLOC_FL_KEEP_SIZE = 0x1;
        public const int FALLOC_FL_PUNCH_HOLE = 0x2;
        public const int FALLOC_FL_ZERO_RANGE = 0x10;

        public const int LOCK_EX = 2;
        public const int LOCK_NB = 4;
        public const int LOCK_UN = 8;

        public const int F_OFD_GETLK = 36;
        public const int F_OFD_SETLK = 37;
        public const short F_WRLCK = 1;
        public const short F_UNLCK = 2;

        public const int PROT_READ_WRITE = 3;
        public const int MAP_SHARED = 1;

        public const short POLLIN = 1;
        public const int SIGKILL = 9;

        private const string Library = "libc";
        private const nint SYS_pidfd_send_signal = 424;
        private const nint SYS_pidfd_open = 434;

        /// <summary>O_DIRECT differs by architecture (asm/fcntl.h); there is no way to ask .NET for it.</summary>
        public static int O_DIRECT => RuntimeInformation.ProcessArchitecture is Architecture.Arm64 ? 0x10000 : 0x4000;

        [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
        internal static partial SafeFileHandle Open(string path, int flags, uint mode);

        [LibraryImport(Library, EntryPoint = "pread", SetLastError = true)]
        internal static partial nint PRead(SafeFileHandle file, byte* target, nuint length, long offset);

        [LibraryImport(Library, EntryPoint = "pwrite", SetLastError = true)]
        internal static partial nint PWrite(SafeFileHandle file, byte* source, nuint length, long offset);

        [LibraryImport(Library, EntryPoint = "fdatasync", SetLastError = true)]
        internal static partial int FDataSync(SafeFileHandle file);

        [LibraryImport(Library, EntryPoint = "fsync", SetLastError = true)]
        internal static partial int FSync(SafeFileHandle file);

        [LibraryImport(Library, EntryPoint = "ftruncate", SetLastError = true)]
        internal static partial int FTruncate(SafeFileHandle file, long length);

        [LibraryImport(Library, EntryPoint = "fallocate", SetLastError = true)]
        internal static partial int FAllocate(SafeFileHandle file, int mode, long offset, long length);

        [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
        internal static partial int IoCtl(SafeFileHandle file, nuint request, void* argument);

        [LibraryImport(Library, EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
        internal static partial int StatX(SafeFileHandle folder, string path, int flags, uint mask, StatXResult* result);

        [LibraryImport(Library, EntryPoint = "flock", SetLastError = true)]
        internal static partial int FLock(SafeFileHandle file, int operation);

        [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
        internal static partial int FCntl(SafeFileHandle file, int command, FileLock* range);

        [LibraryImport(Library, EntryPoint = "mmap", SetLastError = true)]
        internal static partial nint MMap(
            nint address, nuint length, int protection, int flags, SafeFileHandle file, long offset);

        [LibraryImport(Library, EntryPoint = "munmap", SetLastError = true)]
        internal static partial int MUnmap(nint address, nuint length);

        [LibraryImport(Library, EntryPoint = "poll", SetLastError = true)]
        internal static partial int Poll(PollEntry* entries, nuint count, int timeoutMilliseconds);

        /// <summary>A descriptor of the process, closed on exec by definition; or an invalid handle and an errno.</summary>
        internal static SafeFileHandle PidFdOpen(int process) => new((nint)(int)SysCall(SYS_pidfd_open, process, 0, 0, 0), true);

        internal static int PidFdSendSignal(SafeFileHandle process, int signal)
        {
            var referenced = false;
            try
            {
                process.DangerousAddRef(ref referenced);
                return (int)SysCall(SYS_pidfd_send_signal, process.DangerousGetHandle(), signal, 0, 0);
            }
            finally
            {
                if (referenced)
                {
                    process.DangerousRelease();
                }
            }
        }

        [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
        private static partial nint SysCall(nint number, nint first, nint second, nint third, nint fourth);

        /// <summary>struct flock with 64-bit offsets (asm-generic/fcntl.h).</summary>
        [StructLayout(LayoutKind.Sequential)]
        internal struct FileLock
        {
            public short Type;
            public short Whence;
            public long Start;
            public long Length;
            public int Process;
        }

        /// <summary>struct pollfd (asm-generic/poll.h).</summary>
        [StructLayout(LayoutKind.Sequential)]
        internal struct PollEntry
        {
            public int Descriptor;
            public short Events;
            public short Returned;
        }

        /// <summary>The fields we read of struct statx (linux/stat.h), 256 bytes.</summary>
        [StructLayout(LayoutKind.Explicit, Size = 256)]
        internal struct StatXResult
        {
            [FieldOffset(0)]
            public uint Mask;

            [FieldOffset(28)]
            public ushort Mode;

            [FieldOffset(32)]
            public ulong Inode;

            [FieldOffset(40)]
            public ulong Size;

            [FieldOffset(128)]
            public uint NodeMajor;

            [FieldOffset(132)]
            public uint NodeMinor;

            [FieldOffset(136)]
            public uint DeviceMajor;

            [FieldOffset(140)]
            public uint DeviceMinor;

            [FieldOffset(152)]
            public uint DirectMemoryAlignment;

            [FieldOffset(156)]
            public uint DirectOffsetAlignment;
        }
    }
}
