using System.Runtime.CompilerServices;
using Covol.Fuse.Wire;

namespace Covol.Fuse;

public sealed unsafe partial class FuseRequest
{
    private int _phase;
    private Outcome _outcome;

    /// <summary>
    /// Where a request stands. Only its own thread moves it, except that an answer may come from any one thread.
    /// </summary>
    internal enum Phase
    {
        Free = 0,
        Handling = 1,
        Io = 2,
        Answered = 3,
        Continuing = 4,
    }

    internal Phase Stage => (Phase)Volatile.Read(ref _phase);

    /// <summary>What goes to the kernel: address and length of header and payload.</summary>
    internal (nint Address, int Length) Answer => (_outcome.Address, _outcome.Length);

    /// <summary>The request failed with a positive errno.</summary>
    public void ReplyError(int errno)
    {
        if (errno is <= 0 or >= 512)
        {
            throw new FuseContractException($"{errno} is no errno to answer {Opcode} {Unique} with.");
        }

        Finish(0, 0, -errno);
    }

    /// <summary>Done; there is nothing to tell.</summary>
    public void ReplyOk() => Finish(0, 0, 0);

    /// <summary>Answer of LOOKUP, MKNOD, MKDIR, SYMLINK and LINK.</summary>
    public void ReplyEntry(in FuseEntry entry)
    {
        BeginReply();
        Put(0, entry);
        Finish(0, sizeof(FuseEntry), 0);
    }

    /// <summary>Answer of GETATTR and SETATTR.</summary>
    public void ReplyAttributes(in FuseAttributes attributes, TimeSpan valid = default)
    {
        BeginReply();
        Put(0, (ulong)(valid.Ticks / TimeSpan.TicksPerSecond));
        Put(8, (ulong)(valid.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick));
        Put(16, attributes);
        Finish(0, 16 + sizeof(FuseAttributes), 0);
    }

    /// <summary>Answer of OPEN and OPENDIR.</summary>
    public void ReplyOpen(ulong handle, FuseOpenFlags flags)
    {
        BeginReply();
        PutOpen(0, handle, flags);
        Finish(0, 16, 0);
    }

    /// <summary>Answer of CREATE and TMPFILE: looked up and open.</summary>
    public void ReplyCreate(in FuseEntry entry, ulong handle, FuseOpenFlags flags)
    {
        BeginReply();
        Put(0, entry);
        PutOpen(sizeof(FuseEntry), handle, flags);
        Finish(0, sizeof(FuseEntry) + 16, 0);
    }

    /// <summary>
    /// Answer of READ, READLINK, and of an attribute's value or list: the bytes of <see cref="Data"/> from
    /// <paramref name="start"/> on. The 16 bytes before them are overwritten.
    /// </summary>
    public void ReplyData(int length, int start = 0)
    {
        if (length < 0 || start < 0 || start + (long)length > SlotLayout.DataLength)
        {
            throw new FuseContractException($"{length} bytes from {start} lie outside the memory of {Opcode} {Unique}.");
        }

        // The kernel would give the whole answer up, and its caller an error.
        if (Opcode == FuseOpcode.Read && (uint)length > Read.Size)
        {
            throw new FuseContractException($"{length} bytes are more than the {Read.Size} that READ {Unique} asked for.");
        }

        Finish(start, length, 0);
    }

    /// <summary>Like <see cref="ReplyData(int, int)"/>, copying bytes from elsewhere: link targets, attributes.</summary>
    public void ReplyData(ReadOnlySpan<byte> bytes)
    {
        BeginReply();
        bytes.CopyTo(Data);
        Finish(0, bytes.Length, 0);
    }

    /// <summary>Answer of WRITE and COPY_FILE_RANGE: bytes that were taken.</summary>
    public void ReplyWrite(int written)
    {
        BeginReply();
        Put(0, (ulong)(uint)written);
        Finish(0, 8, 0);
    }

    public void ReplyFileSystemStatus(in FuseFileSystemStatus status)
    {
        BeginReply();
        Put(0, status);
        Finish(0, sizeof(FuseFileSystemStatus), 0);
    }

    /// <summary>Answer of GETLK: the lock in the way, or one of kind <see cref="FuseLock.Unlocked"/>.</summary>
    public void ReplyLock(in FuseLock conflict)
    {
        BeginReply();
        Put(0, conflict);
        Finish(0, sizeof(FuseLock), 0);
    }

    /// <summary>Answer of GETXATTR and LISTXATTR with size 0: how much room is needed.</summary>
    public void ReplyExtendedAttributeSize(int size)
    {
        BeginReply();
        Put(0, (ulong)(uint)size);
        Finish(0, 8, 0);
    }

    /// <summary>Answer of LSEEK.</summary>
    public void ReplySeek(ulong offset)
    {
        BeginReply();
        Put(0, offset);
        Finish(0, 8, 0);
    }

    /// <summary>
    /// Answer of STATX: struct fuse_statx is basic statistics, made of <paramref name="attributes"/>, and the time of birth.
    /// </summary>
    public void ReplyExtendedStatus(
        in FuseAttributes attributes,
        long birthSeconds,
        uint birthNanoseconds,
        TimeSpan valid = default)
    {
        BeginReply();
        var length = ExtendedStatusReply.Write(Data, attributes, birthSeconds, birthNanoseconds, valid);
        Finish(0, length, 0);
    }

    /// <summary>A listing in the making; its entries are answered by <see cref="ReplyDirectory"/>.</summary>
    public FuseDirectoryListing BeginDirectory()
    {
        BeginReply();
        var room = (int)Math.Min(ReadDirectory.Size, (uint)FuseOptions.TransferMax);
        return new FuseDirectoryListing(new Span<byte>(_data, room), Opcode == FuseOpcode.ReadDirectoryPlus);
    }

    /// <summary>Answer of READDIR and READDIRPLUS. An empty listing is the end of the directory.</summary>
    public void ReplyDirectory(in FuseDirectoryListing listing) => Finish(0, listing.Length, 0);

    internal void Free()
    {
        State = null;
        Volatile.Write(ref _phase, (int)Phase.Free);
    }

    /// <summary>The handler threw: EIO now, or when the I/O it had started has ended.</summary>
    internal void Fail()
    {
        if (_phase == (int)Phase.Io)
        {
            _failAfterIo = true;
        }
        else if (_phase == (int)Phase.Handling)
        {
            ReplyError(FuseErrno.InputOutput);
        }
    }

    private void BeginReply()
    {
        if (Volatile.Read(ref _phase) != (int)Phase.Handling)
        {
            throw new FuseContractException($"{Opcode} {Unique} cannot be answered: it is {(Phase)_phase}.");
        }
    }

    private void Finish(int start, int length, int error)
    {
        var before = Interlocked.CompareExchange(ref _phase, (int)Phase.Answered, (int)Phase.Handling);
        if (before != (int)Phase.Handling)
        {
            throw new FuseContractException($"{Opcode} {Unique} cannot be answered: it is {(Phase)before}.");
        }

        var header = (ReplyHeader*)(_data + start - sizeof(ReplyHeader));
        header->Length = (uint)(sizeof(ReplyHeader) + length);
        header->Error = error;
        header->Unique = Unique;
        _outcome = new Outcome((nint)header, sizeof(ReplyHeader) + length);
        _worker.Answer(this);
    }

    private void PutOpen(int at, ulong handle, FuseOpenFlags flags)
    {
        Put(at, handle);
        Put(at + 8, (ulong)(uint)flags);
    }

    private void Put<T>(int at, in T value)
        where T : unmanaged => Unsafe.WriteUnaligned(_data + at, value);

    private readonly record struct Outcome(nint Address, int Length);
}
