using System.Runtime.InteropServices;

namespace Covol.Ring;

internal static partial class Interop
{
    /// <summary>
    /// io_uring by raw system calls. Structures and numbers: include/uapi/linux/io_uring.h of Linux 6.1; the system call numbers
    /// are the same on every architecture.
    /// </summary>
    internal static unsafe partial class IoUring
    {
        private const string Library = "libc";
        private const nint SetupCall = 425;
        private const nint EnterCall = 426;
        private const nint RegisterCall = 427;

        internal const uint IORING_SETUP_CQSIZE = 1U << 3;
        internal const uint IORING_SETUP_SUBMIT_ALL = 1U << 7;
        internal const uint IORING_SETUP_COOP_TASKRUN = 1U << 8;
        internal const uint IORING_SETUP_TASKRUN_FLAG = 1U << 9;
        internal const uint IORING_SQ_TASKRUN = 1U << 2;
        internal const uint IORING_ENTER_GETEVENTS = 1U << 0;
        internal const uint IORING_FEAT_SINGLE_MMAP = 1U << 0;
        internal const uint IORING_FEAT_NODROP = 1U << 1;
        internal const long IORING_OFF_SQ_RING = 0;
        internal const long IORING_OFF_SQES = 0x10000000;
        internal const uint IORING_REGISTER_BUFFERS = 0;

        internal static int Setup(uint entries, Parameters* parameters) =>
            (int)SystemCall(SetupCall, (nint)entries, (nint)parameters, 0, 0, 0, 0);

        internal static int Enter(int ring, uint submit, uint complete, uint flags) =>
            (int)SystemCall(EnterCall, ring, (nint)submit, (nint)complete, (nint)flags, 0, 0);

        internal static int Register(int ring, uint operation, void* argument, uint count) =>
            (int)SystemCall(RegisterCall, ring, (nint)operation, (nint)argument, (nint)count, 0, 0);

        [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
        private static partial nint SystemCall(nint number, nint a, nint b, nint c, nint d, nint e, nint f);

        [StructLayout(LayoutKind.Sequential)]
        internal struct Parameters
        {
            public uint SubmissionEntries;
            public uint CompletionEntries;
            public uint Flags;
            public uint ThreadCpu;
            public uint ThreadIdle;
            public uint Features;
            public uint WorkerDescriptor;
            public fixed uint Reserved[3];
            public SubmissionOffsets Submission;
            public CompletionOffsets Completion;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct SubmissionOffsets
        {
            public uint Head;
            public uint Tail;
            public uint Mask;
            public uint Entries;
            public uint Flags;
            public uint Dropped;
            public uint Array;
            public uint Reserved;
            public ulong UserAddress;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct CompletionOffsets
        {
            public uint Head;
            public uint Tail;
            public uint Mask;
            public uint Entries;
            public uint Overflow;
            public uint Completions;
            public uint Flags;
            public uint Reserved;
            public ulong UserAddress;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct Buffer
        {
            public nint Address;
            public nuint Length;
        }
    }
}
