using System.Collections.Concurrent;
using Covol.Fuse;
using Microsoft.Win32.SafeHandles;

namespace Covol.IntegrationTests.Fuse;

/// <summary>
/// A small file system: a big file whose bytes are those of a "LUN", a folder of many names, a symbolic link. Data goes on the
/// ring's thread, everything else is answered by a thread of its own, as a real file system would.
/// </summary>
internal sealed class TestFileSystem : IFuseHandler, IDisposable
{
    internal const int ManyNames = 5_000;
    internal const long FileSize = 64L << 20;
    private const ulong Root = 1;
    private const ulong Big = 2;
    private const ulong Many = 3;
    private const ulong Link = 4;
    private const ulong FirstOfMany = 100;
    private const uint DirectoryMode = 0x4000 | 0x1FF;
    private const uint FileMode = 0x8000 | 0x1B6;
    private const uint LinkMode = 0xA000 | 0x1FF;
    private const int Block = 512;
    private readonly SafeFileHandle _lun;
    private readonly BlockingCollection<FuseRequest> _slow = new(boundedCapacity: 4096);
    private readonly Thread _thread;
    private readonly TaskCompletionSource<FuseNegotiation> _negotiated = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _handles;
    private long _answered;

    internal TestFileSystem(SafeFileHandle lun)
    {
        _lun = lun;
        _thread = new Thread(AnswerSlowRequests) { Name = "slow", IsBackground = true };
        _thread.Start();
    }

    internal ConcurrentQueue<string> Events { get; } = new();

    internal ConcurrentQueue<Exception> Failures { get; } = new();

    internal Task<FuseNegotiation> Negotiation => _negotiated.Task;

    /// <summary>Splits each transfer into parts of this many bytes; 0: one part.</summary>
    internal int PartLength { get; init; }

    public void Negotiated(FuseNegotiation negotiation) => _negotiated.TrySetResult(negotiation);

    /// <summary>
    /// Takes requests and never answers them, like a process that is about to die. They stay in <see cref="Lost"/>.
    /// </summary>
    internal bool LosesRequests { get; init; }

    internal ConcurrentQueue<FuseRequest> Lost { get; } = new();

    /// <summary>Requests that came a second time, by their kind.</summary>
    internal ConcurrentQueue<FuseOpcode> Resent { get; } = new();

    public void Handle(FuseRequest request)
    {
        if (LosesRequests && request.Opcode is FuseOpcode.Read)
        {
            Lost.Enqueue(request);
            return;
        }

        if (request.IsResent)
        {
            Resent.Enqueue(request.Opcode);
        }

        switch (request.Opcode)
        {
            case FuseOpcode.Read when request.Node == Big:
                ReadBig(request);
                break;
            case FuseOpcode.Write when request.Node == Big:
                WriteBig(request);
                break;
            case FuseOpcode.Sync:
                request.SubmitFlush(Descriptor);
                break;
            default:
                _slow.Add(request);
                break;
        }
    }

    /// <summary>Transfers answered so far.</summary>
    internal long Answered => Volatile.Read(ref _answered);

    public void IoCompleted(FuseRequest request, int result)
    {
        _answered++;
        if (result < 0)
        {
            request.ReplyError(-result);
        }
        else if (request.Opcode == FuseOpcode.Read)
        {
            request.ReplyData((int)request.StateA, (int)request.StateB);
        }
        else if (request.Opcode == FuseOpcode.Write)
        {
            request.ReplyWrite(result);
        }
        else
        {
            request.ReplyOk();
        }
    }

    public void Continued(FuseRequest request) => request.ReplyError(FuseErrno.InputOutput);

    public void Interrupted(ulong unique) => Events.Enqueue("interrupted");

    public void Forgotten(ulong node, ulong lookups) => Events.Enqueue($"forgotten {node}");

    public void Disconnected() => Events.Enqueue("disconnected");

    public void Failed(FuseOpcode opcode, ulong unique, Exception failure) => Failures.Enqueue(failure);

    public void Dispose()
    {
        _slow.CompleteAdding();
        _thread.Join();
        _slow.Dispose();
    }

    private int Descriptor => (int)_lun.DangerousGetHandle();

    private void ReadBig(FuseRequest request)
    {
        ref readonly var read = ref request.Read;
        if ((long)read.Offset >= FileSize)
        {
            request.ReplyData(0);
            return;
        }

        var start = (long)read.Offset / Block * Block;
        var wanted = (int)Math.Min(read.Size, FileSize - (long)read.Offset);
        var crooked = (int)((long)read.Offset - start);
        request.StateA = wanted;
        request.StateB = crooked;
        Submit(request, start, (crooked + wanted + Block - 1) / Block * Block, write: false);
    }

    private void WriteBig(FuseRequest request)
    {
        ref readonly var write = ref request.Write;
        if (write.Offset % Block != 0 || write.Size % Block != 0 || (long)write.Offset + write.Size > FileSize)
        {
            request.ReplyError(FuseErrno.Invalid);
            return;
        }

        Submit(request, (long)write.Offset, (int)write.Size, write: true);
    }

    private void Submit(FuseRequest request, long at, int length, bool write)
    {
        Span<RingSegment> parts = stackalloc RingSegment[264];
        var part = PartLength == 0 ? length : PartLength;
        var count = 0;
        for (var done = 0; done < length; done += part)
        {
            parts[count++] = new RingSegment(done, at + done, Math.Min(part, length - done));
        }

        if (write)
        {
            request.SubmitWrite(Descriptor, parts[..count]);
        }
        else
        {
            request.SubmitRead(Descriptor, parts[..count]);
        }
    }

    private void AnswerSlowRequests()
    {
        foreach (var request in _slow.GetConsumingEnumerable())
        {
            try
            {
                Answer(request);
            }
            catch (Exception failure)
            {
                Failures.Enqueue(failure);
            }
        }
    }

    private void Answer(FuseRequest request)
    {
        switch (request.Opcode)
        {
            case FuseOpcode.Lookup:
                Lookup(request);
                break;
            case FuseOpcode.GetAttributes:
                request.ReplyAttributes(Attributes(request.Node));
                break;
            case FuseOpcode.SetAttributes:
                request.ReplyAttributes(Attributes(request.Node));
                break;
            case FuseOpcode.ReadLink:
                request.ReplyData("big"u8);
                break;
            case FuseOpcode.Open or FuseOpcode.OpenDirectory:
                var direct = request.Opcode == FuseOpcode.Open
                    ? FuseOpenFlags.DirectIo | FuseOpenFlags.ParallelDirectWrites
                    : FuseOpenFlags.None;
                request.ReplyOpen((ulong)Interlocked.Increment(ref _handles), direct);
                break;
            case FuseOpcode.ReadDirectory or FuseOpcode.ReadDirectoryPlus:
                List(request);
                break;
            case FuseOpcode.SetLock or FuseOpcode.SetLockWait:
                var range = request.Lock.Lock;
                Events.Enqueue($"lock {range.Kind} {range.Start}-{range.End} of {request.Lock.Handle}");
                request.ReplyOk();
                break;
            case FuseOpcode.GetLock:
                request.ReplyLock(new FuseLock { Kind = FuseLock.Unlocked });
                break;
            case FuseOpcode.Release:
                Events.Enqueue($"release {request.Release.Handle}");
                request.ReplyOk();
                break;
            case FuseOpcode.Flush or FuseOpcode.ReleaseDirectory or FuseOpcode.Access:
                request.ReplyOk();
                break;
            case FuseOpcode.FileSystemStatus:
                request.ReplyFileSystemStatus(new FuseFileSystemStatus { Blocks = 1000, BlockSize = 4096, NameLengthMax = 255 });
                break;
            default:
                request.ReplyError(FuseErrno.NotImplemented);
                break;
        }
    }

    private static void Lookup(FuseRequest request)
    {
        if (!request.TryGetName(out var name))
        {
            request.ReplyError(FuseErrno.BadSequence);
            return;
        }

        var node = (request.Node, name) switch
        {
            (Root, "big") => Big,
            (Root, "many") => Many,
            (Root, "link") => Link,
            (Many, ['n', 'a', 'm', 'e', '-', .. var number]) when ulong.TryParse(number, out var n) => FirstOfMany + n,
            _ => 0ul,
        };
        if (node == 0)
        {
            request.ReplyError(FuseErrno.NoEntry);
            return;
        }

        request.ReplyEntry(new FuseEntry { Node = node, Attributes = Attributes(node) });
    }

    private static void List(FuseRequest request)
    {
        var listing = request.BeginDirectory();
        var count = request.Node == Many ? ManyNames : 3;
        for (var n = (int)request.ReadDirectory.Offset; n < count; n++)
        {
            var (name, inode) = request.Node == Many
                ? ($"name-{n}", FirstOfMany + (ulong)n)
                : n switch { 0 => ("big", Big), 1 => ("many", Many), _ => ("link", Link) };
            if (!listing.TryAdd(name, inode, Attributes(inode).Mode, (ulong)n + 1))
            {
                break;
            }
        }

        request.ReplyDirectory(listing);
    }

    private static FuseAttributes Attributes(ulong node) => new()
    {
        Inode = node,
        Mode = node switch { Root or Many => DirectoryMode, Link => LinkMode, _ => FileMode },
        Size = node == Big ? (ulong)FileSize : node == Link ? 3ul : 0,
        Blocks = node == Big ? (ulong)FileSize / 512 : 0,
        Links = 1,
        BlockSize = 4096,
    };
}
