using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Covol.Fuse;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Shouldly;

namespace Covol.Tests.Fuse;

/// <summary>
/// Plays the kernel's side of /dev/fuse on a socket pair that keeps the borders of messages, so that a server can be tested byte
/// by byte without a mount. Messages stay below the socket's buffer.
/// </summary>
internal sealed partial class FakeKernel : IDisposable
{
    internal const uint Flags = 0x73fffffb;
    internal const uint Flags2 = 0x7fd;
    private const int SequencedPackets = 5;
    private const int Unix = 1;
    private const int CloseOnExec = 0x80000;
    private const short Readable = 1;
    private const int DeadlineMilliseconds = 10_000;
    private static readonly TimeSpan s_deadline = TimeSpan.FromMilliseconds(DeadlineMilliseconds);
    private readonly SafeFileHandle _kernelSide;
    private readonly SafeFileHandle _serverSide;
    private readonly byte[] _buffer = new byte[256 << 10];

    private FakeKernel(IFuseHandler handler, FuseOptions options, FuseNegotiation? negotiation)
    {
        var pair = new int[2];
        SocketPair(Unix, SequencedPackets | CloseOnExec, 0, pair).ShouldBe(0);
        _kernelSide = new SafeFileHandle(pair[0], ownsHandle: true);
        _serverSide = new SafeFileHandle(pair[1], ownsHandle: true);
        Server = FuseServer.Serve(_serverSide, handler, options, NullLogger.Instance, negotiation);
    }

    internal FuseServer Server { get; private set; }

    /// <summary>A server that has already answered INIT.</summary>
    internal static FakeKernel Mounted(IFuseHandler handler, FuseOptions? options = null)
    {
        var kernel = Fresh(handler, options);
        kernel.Initialize().Error.ShouldBe(0);
        return kernel;
    }

    internal static FakeKernel Fresh(IFuseHandler handler, FuseOptions? options = null) =>
        new(handler, options ?? Small(), null);

    /// <summary>A server that takes a mount over.</summary>
    internal static FakeKernel TakenOver(IFuseHandler handler, FuseNegotiation negotiation) => new(handler, Small(), negotiation);

    internal static FuseOptions Small() => new() { RequestsMax = 16, RegisteredMax = 4, BlockingLocksMax = 4, Name = "test" };

    internal Reply Initialize(uint flags = Flags)
    {
        var body = new byte[64];
        BinaryPrimitives.WriteUInt32LittleEndian(body, 7);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(4), 45);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(8), 0x20000);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(12), flags);
        BinaryPrimitives.WriteUInt32LittleEndian(body.AsSpan(16), Flags2);
        Send(FuseOpcode.Initialize, 2, 0, body);
        return Receive();
    }

    internal void Send(FuseOpcode opcode, ulong unique, ulong node, params byte[][] parts)
    {
        var message = Request(opcode, unique, node, parts);
        SendRaw(message);
    }

    internal static byte[] Request(FuseOpcode opcode, ulong unique, ulong node, params byte[][] parts)
    {
        var body = parts.SelectMany(part => part).ToArray();
        var message = new byte[40 + body.Length];
        BinaryPrimitives.WriteInt32LittleEndian(message, message.Length);
        BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(4), (int)opcode);
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(8), unique);
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(16), node);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(24), 1001);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(28), 1002);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(32), 1003);
        body.CopyTo(message.AsSpan(40));
        return message;
    }

    internal void SendRaw(ReadOnlySpan<byte> message) =>
        Write(_kernelSide, in MemoryMarshal.GetReference(message), (nuint)message.Length).ShouldBe(message.Length);

    /// <summary>The next message of the server; fails when none comes.</summary>
    internal Reply Receive()
    {
        var length = ReceiveRaw();
        BinaryPrimitives.ReadInt32LittleEndian(_buffer).ShouldBe(length);
        return new Reply(
            BinaryPrimitives.ReadInt32LittleEndian(_buffer.AsSpan(4)),
            BinaryPrimitives.ReadUInt64LittleEndian(_buffer.AsSpan(8)),
            _buffer.AsSpan(16, length - 16).ToArray());
    }

    /// <summary>Length of the next message; it allocates nothing.</summary>
    internal int ReceiveRaw()
    {
        var wait = new PollDescriptor { Descriptor = (int)_kernelSide.DangerousGetHandle(), Events = Readable };
        Poll(ref wait, 1, DeadlineMilliseconds).ShouldBe(1, "The server did not answer in time.");
        return (int)Read(_kernelSide, ref _buffer[0], (nuint)_buffer.Length);
    }

    /// <summary>True when the server has said nothing that was not taken yet.</summary>
    internal bool IsQuiet() => !IsReadable((int)_kernelSide.DangerousGetHandle());

    internal static bool IsReadable(int descriptor)
    {
        var wait = new PollDescriptor { Descriptor = descriptor, Events = Readable };
        return Poll(ref wait, 1, 0) != 0;
    }

    internal void ServeAgain(IFuseHandler handler, FuseNegotiation negotiation) =>
        Server = FuseServer.Serve(_serverSide, handler, Small(), NullLogger.Instance, negotiation);

    /// <summary>The end of the connection, as at an unmount.</summary>
    internal FuseServerEnd Close()
    {
        _kernelSide.Dispose();
        return End();
    }

    internal FuseServerEnd End()
    {
        SpinWait.SpinUntil(() => Server.Completion.IsCompleted, s_deadline).ShouldBeTrue("The server did not end.");
        return Server.Completion.GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        _kernelSide.Dispose();
        if (!Server.Completion.IsCompleted)
        {
            End();
        }

        _serverSide.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static partial int SocketPair(int family, int type, int protocol, [Out] int[] pair);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(SafeFileHandle descriptor, in byte source, nuint length);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(SafeFileHandle descriptor, ref byte target, nuint length);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref PollDescriptor descriptors, nuint count, int milliseconds);

    internal sealed record Reply(int Error, ulong Unique, byte[] Payload);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
