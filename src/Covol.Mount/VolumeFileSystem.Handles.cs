using Covol.Fuse;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.VolumeClient;

namespace Covol.Mount;

internal sealed partial class VolumeFileSystem
{
    private const FuseOpenFlags OpenReply = FuseOpenFlags.DirectIo | FuseOpenFlags.ParallelDirectWrites;

    // linux/falloc.h
    private const uint AllocateKeepSize = 1;
    private const uint AllocatePunchHole = 2;
    private const uint AllocateZeroRange = 0x10;

    private const uint SeekData = 3;
    private const uint SeekHole = 4;

    private async Task OpenAsync(FuseRequest request)
    {
        var flags = request.Open.Flags;
        var (handle, attributes) = await _volume.OpenAsync(
            _nodes.Resolve(request.Node), FuseShapes.AccessOf(flags), (flags & FuseShapes.OpenTruncate) != 0).ConfigureAwait(false);
        Opened(handle, attributes);
        if ((flags & FuseShapes.OpenTruncate) != 0)
        {
            await CutByUserAsync(request, attributes).ConfigureAwait(false);
        }

        request.ReplyOpen((ulong)handle.Id.Value, OpenReply);
    }

    private async Task CreateAsync(FuseRequest request)
    {
        var body = request.Create;
        var inode = new NewInode(FileKind.Regular, FuseShapes.Permissions(body.Mode), request.UserId, request.GroupId);
        var (handle, seen) = await _volume.CreateAsync(
            _nodes.Resolve(request.Node),
            request.Opcode == FuseOpcode.TemporaryFile ? "" : NameOf(request),
            inode,
            FuseShapes.AccessOf(body.Flags),
            openExisting: (body.Flags & FuseShapes.OpenExclusive) == 0,
            truncate: (body.Flags & FuseShapes.OpenTruncate) != 0).ConfigureAwait(false);
        Opened(handle, seen.Attributes);
        if ((body.Flags & FuseShapes.OpenTruncate) != 0)
        {
            await CutByUserAsync(request, seen.Attributes).ConfigureAwait(false);
        }

        request.ReplyCreate(EntryOf(seen.Attributes, nameValid: KernelMay(seen.NameValid)), (ulong)handle.Id.Value, OpenReply);
    }

    private void Opened(OpenFile handle, InodeAttributes attributes)
    {
        _files[(ulong)handle.Id.Value] = handle;
        _volume.ExpectData(handle, attributes.Size);
    }

    /// <summary>
    /// An open that cuts takes set-id bits away as a write does, except for the superuser; the kernel leaves it to the server. In
    /// between, the file is empty and not open yet.
    /// </summary>
    private async Task CutByUserAsync(FuseRequest request, InodeAttributes attributes)
    {
        var mode = FuseShapes.WithoutSetId(attributes.Mode);
        if (request.UserId != 0 && mode != attributes.Mode)
        {
            await _volume.AskAsync<Entry>(new SetAttributes(attributes.File, new AttributeChange { Mode = mode })).ConfigureAwait(false);
        }
    }

    private async Task FlushAsync(FuseRequest request)
    {
        await _volume.FlushAsync(FileOf(request.Flush.Handle), new LockOwner((long)request.Flush.LockOwner)).ConfigureAwait(false);
        request.ReplyOk();
    }

    private async Task ReleaseAsync(FuseRequest request)
    {
        // Locks of open file descriptions bring no unlock of their own: they go with the handle at the coordinator.
        if (_files.TryRemove(request.Release.Handle, out var file))
        {
            await _volume.CloseAsync(file).ConfigureAwait(false);
        }

        request.ReplyOk();
    }

    private async Task SynchronizeAsync(FuseRequest request)
    {
        await _volume.SynchronizeAsync(_nodes.Resolve(request.Node)).ConfigureAwait(false);
        request.ReplyOk();
    }

    private async Task SynchronizeAllAsync(FuseRequest request)
    {
        await _volume.SynchronizeAllAsync(_nodes.Resolve(NodeTable.Root)).ConfigureAwait(false);
        request.ReplyOk();
    }

    private async Task AllocateAsync(FuseRequest request)
    {
        var body = request.Allocate;
        var mode = body.Mode switch
        {
            0 => AllocationMode.Extend,
            AllocateKeepSize => AllocationMode.KeepSize,
            AllocateZeroRange => AllocationMode.ZeroRange,
            AllocateZeroRange | AllocateKeepSize => AllocationMode.ZeroInside,
            AllocatePunchHole | AllocateKeepSize => AllocationMode.PunchHole,

            // To move all that lies behind would have to recall it, and takes whole clusters at the same places on every node.
            _ => throw new VolumeException(VolumeError.NotSupported, $"fallocate mode {body.Mode:x} is not carried out."),
        };
        await _volume.AllocateAsync(
            FileOf(body.Handle), mode, new FileByteOffset(checked((long)body.Offset)), new ByteCount(checked((long)body.Length)))
            .ConfigureAwait(false);
        request.ReplyOk();
    }

    private async Task SeekAsync(FuseRequest request)
    {
        var body = request.Seek;
        if (body.Whence is not (SeekData or SeekHole))
        {
            throw new VolumeException(VolumeError.InvalidArgument, $"lseek from {body.Whence} is not carried out.");
        }

        if (body.Offset > long.MaxValue)
        {
            // Negative, as the program gave it.
            request.ReplyError(Errno.NoSuchPosition);
            return;
        }

        var find = new FindData(_nodes.Resolve(request.Node), new FileByteOffset((long)body.Offset), Hole: body.Whence == SeekHole);
        var found = await _volume.AskAsync<DataFound>(find).ConfigureAwait(false);
        if (found.Offset is { } offset)
        {
            request.ReplySeek((ulong)offset.Value);
        }
        else
        {
            request.ReplyError(Errno.NoSuchPosition);
        }
    }

    private async Task TestLockAsync(FuseRequest request)
    {
        var body = request.Lock;
        var wanted = LockOf(body);
        var conflict = await _volume.TestLockAsync(FileOf(body.Handle), wanted.Owner, wanted.Kind, wanted.Mode, wanted.Range)
            .ConfigureAwait(false);
        request.ReplyLock(conflict is null
            ? new FuseLock { Kind = FuseLock.Unlocked }
            : new FuseLock
            {
                Start = (ulong)conflict.Range.First,
                End = (ulong)conflict.Range.Last,
                Kind = (uint)conflict.Mode,
                ProcessId = (uint)conflict.ProcessId,
            });
    }

    private async Task SetLockAsync(FuseRequest request, bool wait, CancellationToken interrupted = default)
    {
        var body = request.Lock;
        await _volume.SetLockAsync(FileOf(body.Handle), LockOf(body), wait, interrupted).ConfigureAwait(false);
        request.ReplyOk();
    }

    private async Task SetLockWaitAsync(FuseRequest request)
    {
        var unique = request.Unique;
        var waiting = _waiting[unique];
        try
        {
            var body = request.Lock;
            await _volume.SetLockAsync(FileOf(body.Handle), LockOf(body), wait: true, waiting.Token).ConfigureAwait(false);
        }
        finally
        {
            // Before the answer: the kernel uses the number again after it. Not disposed of, an interrupt may be on its way to it.
            _waiting.TryRemove(unique, out _);
        }

        request.ReplyOk();
    }

    private static HeldLock LockOf(in Fuse.Wire.LockBody body) => new(
        new LockOwner((long)body.Owner),
        (int)body.Lock.ProcessId,
        body.IsFlock ? LockKind.Flock : LockKind.Range,
        body.Lock.Kind switch
        {
            FuseLock.Shared => LockMode.Shared,
            FuseLock.Exclusive => LockMode.Exclusive,
            FuseLock.Unlocked => LockMode.Unlock,
            var kind => throw new VolumeException(VolumeError.InvalidArgument, $"{kind} is no kind of lock."),
        },
        new LockRange(checked((long)body.Lock.Start), checked((long)Math.Min(body.Lock.End, long.MaxValue))));
}
