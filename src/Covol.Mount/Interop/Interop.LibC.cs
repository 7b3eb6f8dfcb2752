using System.Runtime.InteropServices;

namespace Covol.Mount;

internal static unsafe partial class Interop
{
    /// <summary>Structures and numbers of 64-bit Linux: sys/socket.h, bits/socket.h, sys/uio.h.</summary>
    internal static partial class LibC
    {
        internal const int SolSocket = 1;
        internal const int ScmRights = 1;
        internal const int MsgNoSignal = 0x4000;
        internal const int MsgCloseOnExec = 0x40000000;
        internal const int MsgControlTruncated = 8;
        internal const int MsgTruncated = 0x20;
        internal const int Eintr = 4;

        [StructLayout(LayoutKind.Sequential)]
        internal struct IoVector
        {
            public byte* Base;
            public nuint Length;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct MessageHeader
        {
            public void* Name;
            public uint NameLength;
            public IoVector* Vectors;
            public nuint VectorCount;
            public void* Control;
            public nuint ControlLength;
            public int Flags;
        }

        /// <summary>struct cmsghdr with one descriptor after it: CMSG_LEN(4) = 20, CMSG_SPACE(4) = 24.</summary>
        [StructLayout(LayoutKind.Sequential)]
        internal struct OneDescriptor
        {
            public const int LengthUsed = 20;

            public nuint Length;
            public int Level;
            public int Kind;
            public int Descriptor;
            private readonly int _padding;
        }

        [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
        internal static partial nint SendMessage(SafeHandle socket, MessageHeader* message, int flags);

        [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
        internal static partial nint ReceiveMessage(SafeHandle socket, MessageHeader* message, int flags);
    }
}
