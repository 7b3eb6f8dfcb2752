using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Covol.Fuse;
using Covol.Lun;
using Covol.Protocol;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.VolumeClient;
using Microsoft.Extensions.Logging;

namespace Covol.Mount;

/// <summary>
/// A volume as a FUSE tree. Reads and writes inside a layout are served on the ring's thread, without waiting and without
/// allocating; everything else goes to the thread pool and is answered when the coordinator has answered. Names and attributes
/// are kept by the kernel only as long as the coordinator lets this node keep them, so all nodes see the same at once.
/// </summary>
internal sealed partial class VolumeFileSystem : IFuseHandler
{
    private readonly NodeVolume _volume;
    private readonly IRingTarget _lun;
    private readonly NodeTable _nodes;
    private readonly string _name;
    private readonly int _blockSize;
    private readonly ILogger _log;
    private readonly ConcurrentDictionary<ulong, OpenFile> _files = new();
    private readonly ConcurrentDictionary<ulong, OpenDirectory> _directories = new();
    private readonly ConcurrentDictionary<ulong, CancellationTokenSource> _waiting = new();
    private long _lastDirectory;

    public VolumeFileSystem(string name, NodeVolume volume, IRingTarget lun, int blockSize, FileId root, ILogger log)
    {
        Invariant.Holds(int.IsPow2(blockSize), "A LUN's block size is a power of two.");
        _name = name;
        _volume = volume;
        _lun = lun;
        _blockSize = blockSize;
        _nodes = new NodeTable(root);
        _log = log;
    }

    /// <summary>What kernel and server agreed on; for the holder. Completed at the first request.</summary>
    public Task<FuseNegotiation> Negotiation => _negotiation.Task;

    private readonly TaskCompletionSource<FuseNegotiation> _negotiation = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Negotiated(FuseNegotiation negotiation) => _negotiation.TrySetResult(negotiation);

    public void Handle(FuseRequest request)
    {
        switch (request.Opcode)
        {
            case FuseOpcode.Read:
                BeginRead(request);
                break;
            case FuseOpcode.Write:
                BeginWrite(request);
                break;
            case FuseOpcode.Sync:
                BeginSynchronize(request);
                break;
            case FuseOpcode.Access or FuseOpcode.CopyFileRange or FuseOpcode.BlockMap or FuseOpcode.Poll:
                // The kernel does it in another way by itself and does not ask again.
                request.ReplyError(FuseErrno.NotImplemented);
                break;
            case FuseOpcode.Control:
                request.ReplyError(FuseErrno.NotTerminal);
                break;
            case FuseOpcode.SetLockWait:
                // Known before an interrupt can come.
                _waiting[request.Unique] = new CancellationTokenSource();
                Queue(request);
                break;
            default:
                if (!TryAnswerKept(request))
                {
                    Queue(request);
                }

                break;
        }
    }

    public void Continued(FuseRequest request)
    {
        Invariant.Holds(request.Opcode == FuseOpcode.Write, "A request came back to the ring that nobody had sent there.");
        BeginWrite(request);
    }

    public void Interrupted(ulong unique)
    {
        if (_waiting.TryGetValue(unique, out var waiting))
        {
            waiting.Cancel();
        }
    }

    internal int InodesKnown => _nodes.Count;

    public void Forgotten(ulong node, ulong lookups) => _nodes.Forgotten(node, lookups);

    public void Disconnected()
    {
        foreach (var waiting in _waiting.Values)
        {
            waiting.Cancel();
        }
    }

    public void Failed(FuseOpcode opcode, ulong unique, Exception failure)
    {
        if (failure is InvariantBrokenException)
        {
            Environment.FailFast($"Volume {_name}: {failure.Message}", failure);
        }

        MountLog.RequestFailed(_log, _name, opcode, failure);
    }

    /// <summary>Closes what the kernel did not, after the connection has ended.</summary>
    public async Task CloseAllAsync()
    {
        foreach (var (number, file) in _files)
        {
            if (_files.TryRemove(number, out _))
            {
                await _volume.CloseAsync(file).ConfigureAwait(false);
            }
        }

        _directories.Clear();
    }

    private void Queue(FuseRequest request) =>
        ThreadPool.UnsafeQueueUserWorkItem(
            static work => _ = work.System.RunAsync(work.Request), (System: this, Request: request), preferLocal: false);

    /// <summary>Carries a request out and answers it, whatever happens. Never fails.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "A request that is not answered hangs its program for ever.")]
    private async Task RunAsync(FuseRequest request)
    {
        var opcode = request.Opcode;
        try
        {
            await DispatchAsync(request).ConfigureAwait(false);
        }
        catch (VolumeException refused)
        {
            if (refused.Error is VolumeError.IoFailed or VolumeError.BadRequest)
            {
                MountLog.RequestRefused(_log, _name, opcode, refused.Error, refused.Message);
            }

            request.ReplyError(ErrnoOf(request, opcode, refused.Error));
        }
        catch (Exception failure)
        {
            Failed(opcode, 0, failure);
            AnswerFailure(request);
        }
    }

    /// <summary>The answer itself may be what failed: before it left, the program still gets one.</summary>
    private static void AnswerFailure(FuseRequest request)
    {
        try
        {
            request.ReplyError(FuseErrno.InputOutput);
        }
        catch (FuseContractException)
        {
            // It was answered; what failed came after.
        }
    }

    private Task DispatchAsync(FuseRequest request) => request.Opcode switch
    {
        FuseOpcode.Lookup => LookupAsync(request),
        FuseOpcode.GetAttributes => GetAttributesAsync(request),
        FuseOpcode.ExtendedStatus => ExtendedStatusAsync(request),
        FuseOpcode.SetAttributes => SetAttributesAsync(request),
        FuseOpcode.ReadLink => ReadLinkAsync(request),
        FuseOpcode.SymbolicLink => SymbolicLinkAsync(request),
        FuseOpcode.MakeNode => MakeNodeAsync(request),
        FuseOpcode.MakeDirectory => MakeDirectoryAsync(request),
        FuseOpcode.Unlink => UnlinkAsync(request, isDirectory: false),
        FuseOpcode.RemoveDirectory => UnlinkAsync(request, isDirectory: true),
        FuseOpcode.Rename or FuseOpcode.Rename2 => RenameAsync(request),
        FuseOpcode.Link => LinkAsync(request),
        FuseOpcode.Open => OpenAsync(request),
        FuseOpcode.Create or FuseOpcode.TemporaryFile => CreateAsync(request),
        FuseOpcode.Read => RedirectReadAsync(request),
        FuseOpcode.Write => RedirectWriteAsync(request),
        FuseOpcode.FileSystemStatus => FileSystemStatusAsync(request),
        FuseOpcode.Release => ReleaseAsync(request),
        FuseOpcode.Flush => FlushAsync(request),
        FuseOpcode.Sync or FuseOpcode.SyncDirectory => SynchronizeAsync(request),
        FuseOpcode.SyncFileSystem => SynchronizeAllAsync(request),
        FuseOpcode.SetExtendedAttribute => SetExtendedAttributeAsync(request),
        FuseOpcode.GetExtendedAttribute => GetExtendedAttributeAsync(request),
        FuseOpcode.ListExtendedAttributes => ListExtendedAttributesAsync(request),
        FuseOpcode.RemoveExtendedAttribute => RemoveExtendedAttributeAsync(request),
        FuseOpcode.OpenDirectory => OpenDirectoryAsync(request),
        FuseOpcode.ReadDirectory or FuseOpcode.ReadDirectoryPlus => ReadDirectoryAsync(request),
        FuseOpcode.ReleaseDirectory => ReleaseDirectoryAsync(request),
        FuseOpcode.GetLock => TestLockAsync(request),
        FuseOpcode.SetLock => SetLockAsync(request, wait: false),
        FuseOpcode.SetLockWait => SetLockWaitAsync(request),
        FuseOpcode.Allocate => AllocateAsync(request),
        FuseOpcode.Seek => SeekAsync(request),
        _ => throw new VolumeException(VolumeError.NotSupported, $"{request.Opcode} is not carried out."),
    };

    /// <summary>
    /// ESTALE makes the kernel look a path up once more, which is right where a name leads to another file by now. A directory that is
    /// gone has no names any more, though, and one that is open here is gone for good: a local file system says ENOENT.
    /// </summary>
    private int ErrnoOf(FuseRequest request, FuseOpcode opcode, VolumeError error)
    {
        var isGone = error == VolumeError.Stale && opcode switch
        {
            FuseOpcode.Lookup or FuseOpcode.Create or FuseOpcode.TemporaryFile or FuseOpcode.MakeNode or FuseOpcode.MakeDirectory
                or FuseOpcode.SymbolicLink or FuseOpcode.Unlink or FuseOpcode.RemoveDirectory or FuseOpcode.Rename or FuseOpcode.Rename2
                or FuseOpcode.ReadDirectory or FuseOpcode.ReadDirectoryPlus => true,
            FuseOpcode.GetAttributes or FuseOpcode.ExtendedStatus => IsOpenDirectory(request.Node),
            _ => false,
        };
        return isGone ? FuseErrno.NoEntry : Errno.Of(error);
    }

    /// <summary>
    /// The answer of a request that made a name. The kernel may keep the name as that of a look-up, but not the attributes: it is asking for more.
    /// </summary>
    private FuseEntry LookedUp(FuseRequest request, in Seen seen)
    {
        _nodes.LookedUp(seen.Attributes.File, request.ProcessId);
        return EntryOf(seen.Attributes, TimeSpan.Zero, KernelMay(seen.NameValid));
    }

    /// <summary>
    /// Before it counts as looked up: an inode that the kernel does not have yet cannot be recalled from it, so its attributes are asked for
    /// once more. <paramref name="thread"/> as <see cref="NodeTable.IsKnown"/> takes it.
    /// </summary>
    private FuseEntry EntryOf(in Seen seen, TimeSpan nameValid, uint thread) =>
        EntryOf(seen.Attributes, _nodes.IsKnown(seen.Attributes.File, thread) ? KernelMay(seen.Valid) : TimeSpan.Zero, nameValid);

    private FuseEntry EntryOf(InodeAttributes attributes, TimeSpan valid, TimeSpan nameValid) => new()
    {
        Node = _nodes.NodeOf(attributes.File),
        Generation = (ulong)attributes.File.Birth,
        NameValidSeconds = (ulong)(nameValid.Ticks / TimeSpan.TicksPerSecond),
        NameValidNanoseconds = (uint)(nameValid.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick),
        AttributesValidSeconds = (ulong)(valid.Ticks / TimeSpan.TicksPerSecond),
        AttributesValidNanoseconds = (uint)(valid.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick),
        Attributes = FuseShapes.Attributes(attributes, _nodes.NodeOf(attributes.File)),
    };

    private OpenFile FileOf(ulong handle) => _files.TryGetValue(handle, out var file)
        ? file
        : throw new VolumeException(VolumeError.NoSuchHandle, $"Handle {handle} is not open here.");

    private static string NameOf(FuseRequest request) => request.TryGetName(out var name)
        ? name
        : throw new VolumeException(VolumeError.InvalidName, "A name is not valid UTF-8.");
}
