using System.Runtime.CompilerServices;
using Covol.Fuse;
using Covol.Protocol.Units;
using Covol.VolumeClient;

namespace Covol.Mount;

internal sealed partial class VolumeFileSystem
{
    // Pieces of one request that are mapped; a file more broken than that reads through the coordinator.
    private const int SegmentsMax = 64;

    /// <summary>On the ring's thread: straight from the LUN where the layout covers it, else through the coordinator.</summary>
    [SkipLocalsInit]
    private void BeginRead(FuseRequest request)
    {
        ref readonly var body = ref request.Read;
        if (!_files.TryGetValue(body.Handle, out var file))
        {
            request.ReplyError(FuseErrno.BadDescriptor);
            return;
        }

        if (body.Size == 0)
        {
            request.ReplyData(0);
            return;
        }

        if (IsMisaligned(body.Flags, body.Offset, body.Size))
        {
            // QEMU probes the alignment it needs and understands only this errno.
            request.ReplyError(FuseErrno.Invalid);
            return;
        }

        Span<LunSegment> segments = stackalloc LunSegment[SegmentsMax];
        if (!file.TryMapRead(new FileByteOffset((long)body.Offset), (int)body.Size, segments, out var count, out var pinned))
        {
            Queue(request);
            return;
        }

        if (!TryEnter())
        {
            file.ReadEnded(pinned, 0, succeeded: false);
            Queue(request);
            return;
        }

        Span<RingSegment> parts = stackalloc RingSegment[SegmentsMax];
        Translate(segments, parts, count);
        request.State = pinned;
        request.SubmitRead(_lun.Descriptor, parts[..count]);
    }

    [SkipLocalsInit]
    private void BeginWrite(FuseRequest request)
    {
        ref readonly var body = ref request.Write;
        if (!_files.TryGetValue(body.Handle, out var file))
        {
            request.ReplyError(FuseErrno.BadDescriptor);
            return;
        }

        if (body.Size == 0)
        {
            request.ReplyWrite(0);
            return;
        }

        if (IsMisaligned(body.Flags, body.Offset, body.Size))
        {
            request.ReplyError(FuseErrno.Invalid);
            return;
        }

        // An append's place, and times that are to be stable with the data, are the coordinator's business (SAFETY 11). The kernel asks of
        // every unprivileged write that set-id bits go; a layout for writing means that there are none.
        Span<LunSegment> segments = stackalloc LunSegment[SegmentsMax];
        if ((body.Flags & (FuseShapes.OpenAppend | FuseShapes.OpenSyncTimes)) != 0
            || !file.TryMapWrite(
                new FileByteOffset((long)body.Offset), (int)body.Size, segments, out var count, out var pinned, IsToBeStable(body.Flags)))
        {
            Queue(request);
            return;
        }

        if (!TryEnter())
        {
            pinned.WriteRefused(new FileByteOffset((long)body.Offset), (int)body.Size);
            Queue(request);
            return;
        }

        Span<RingSegment> parts = stackalloc RingSegment[SegmentsMax];
        Translate(segments, parts, count);
        request.State = pinned;
        request.SubmitWrite(_lun.Descriptor, parts[..count]);
    }

    public void IoCompleted(FuseRequest request, int result)
    {
        _lun.Leave();
        var pinned = (LayoutSnapshot)request.State!;
        request.State = null;
        if (result < 0)
        {
            if (request.WasFlush && LosesWrites(-result))
            {
                // Before the layouts go, which the coordinator would take for a sign that all is well.
                _volume.FlushFailed(FileOf(request.Opcode == FuseOpcode.Sync ? request.Sync.Handle : request.Write.Handle));
            }

            // Another way may work, and the pages of this request are still there.
            _volume.Fenced(-result is BadExchange or RemoteInputOutput
                ? $"The LUN refused a request of this node: its key is gone (errno {-result})."
                : $"A request of this node on the LUN failed (errno {-result}); its path may be gone.");
        }

        if (request.Opcode == FuseOpcode.Sync)
        {
            EndSynchronize(request, pinned, result);
            return;
        }

        if (request.Opcode == FuseOpcode.Read)
        {
            ref readonly var read = ref request.Read;
            if (FileOf(read.Handle).ReadEnded(pinned, (int)read.Size, result >= 0))
            {
                request.ReplyData((int)read.Size, (int)(read.Offset & (uint)(_blockSize - 1)));
                return;
            }
        }
        else
        {
            ref readonly var write = ref request.Write;
            var file = FileOf(write.Handle);
            var offset = new FileByteOffset((long)write.Offset);
            if (request.WasFlush || (result >= 0 && IsToBeStable(write.Flags)))
            {
                ContinueStableWrite(request, file, pinned, result);
                return;
            }

            if (result < 0 && !_lun.FailedWritesAreOver)
            {
                // It keeps its pin. Redirected writes, this one too, wait until nothing of it can land any more (SAFETY 9).
                _volume.MayLandLater(file, pinned, offset, (int)write.Size);
            }
            else
            {
                file.WriteEnded(pinned, offset, (int)write.Size, result >= 0);
            }

            if (result >= 0)
            {
                request.ReplyWrite((int)write.Size);
                return;
            }
        }

        Queue(request);
    }

    private bool TryEnter()
    {
        if (_lun.TryEnter())
        {
            return true;
        }

        _volume.Fenced("The LUN refused this node's key: it was fenced.");
        return false;
    }

    private void Translate(ReadOnlySpan<LunSegment> segments, Span<RingSegment> parts, int count)
    {
        var at = 0;
        for (var index = 0; index < count; index++)
        {
            parts[index] = new RingSegment(at, _lun.DescriptorOffset + segments[index].LunStart.Value, segments[index].Length);
            at += segments[index].Length;
        }
    }

    private bool IsMisaligned(uint flags, ulong offset, uint size) =>
        (flags & FuseShapes.OpenDirect) != 0 && ((offset | size) & (uint)(_blockSize - 1)) != 0;

    private async Task RedirectReadAsync(FuseRequest request)
    {
        var file = FileOf(request.Read.Handle);
        var offset = new FileByteOffset((long)request.Read.Offset);
        using var target = new RequestMemory(request.DataAddress, (int)request.Read.Size);
        var read = await _volume.ReadAsync(file, offset, target.Memory).ConfigureAwait(false);
        request.ReplyData(read);
    }

    private async Task RedirectWriteAsync(FuseRequest request)
    {
        var file = FileOf(request.Write.Handle);
        var offset = new FileByteOffset((long)request.Write.Offset);
        var length = (int)request.Write.Size;
        var append = (request.Write.Flags & FuseShapes.OpenAppend) != 0;
        if (!append && file.PauseOf(offset, length) is { } pause)
        {
            // The file's end is just being told to the coordinator; after that the write goes the direct way.
            await pause.ConfigureAwait(false);
            request.ContinueOnRing();
            return;
        }

        var isStable = (request.Write.Flags & FuseShapes.OpenDataSync) != 0;
        using var source = new RequestMemory(request.DataAddress, length);
        await _volume.WriteAsync(file, offset, append, request.Write.KillsSetId, source.Memory, isStable).ConfigureAwait(false);
        request.ReplyWrite(length);
    }
}
