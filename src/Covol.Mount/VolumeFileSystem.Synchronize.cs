using Covol.Fuse;
using Covol.Protocol.Units;
using Covol.VolumeClient;

namespace Covol.Mount;

/// <summary>
/// fdatasync of what was written directly: the LUN is flushed from here, nobody is asked.
/// </summary>
/// <remarks>
/// <para>
/// Why that is enough (SAFETY 19, I6): the kernel sends FSYNC after the replies of the writes it has to cover, so all of them have
/// completed. A direct write lies in clusters and below a valid length that the coordinator committed before it granted the layout;
/// it changes nothing that has to be committed, except the modification time, which fdatasync does not promise and which the next
/// flush, close, recall or look at the attributes tells the coordinator as ever. What is left is the LUN's write cache, and that is
/// one for all: fdatasync of a file, and SYNCHRONIZE CACHE of a logical unit, make every completed write stable, through whatever
/// descriptor or path it came.
/// </para>
/// <para>
/// Everything else is the coordinator's: fsync (it promises the time too), a file without a layout for writing or whose lease ended,
/// and the first fdatasync after the file was opened here or written to through the coordinator, whose commits it then covers.
/// </para>
/// <para>
/// The key is entered before and again after the flush: a key that still counts then counted all the time, for a key that was
/// preempted never comes back. So a node that was fenced does not say "done"; what the LUN refused it went to the coordinator, and
/// so does its fdatasync.
/// </para>
/// </remarks>
internal sealed partial class VolumeFileSystem
{
    // asm-generic/errno.h: reservation conflict, lost path and a target's refusal, as Linux' block layer says them (block/blk-core.c, blk_errors).
    private const int BadExchange = 52;
    private const int LinkSevered = 67;
    private const int RemoteInputOutput = 121;

    private void BeginSynchronize(FuseRequest request)
    {
        ref readonly var body = ref request.Sync;
        if (!body.DataOnly || !_files.TryGetValue(body.Handle, out var file) || !file.TryBeginFlush(out var pinned))
        {
            Queue(request);
            return;
        }

        if (!TryEnter())
        {
            file.FlushEnded(pinned, succeeded: false);
            Queue(request);
            return;
        }

        request.State = pinned;
        request.SubmitFlush(_lun.Descriptor);
    }

    /// <summary>After <see cref="IoCompleted"/> has left the LUN's gate.</summary>
    private void EndSynchronize(FuseRequest request, LayoutSnapshot pinned, int result)
    {
        var isOurs = TryEnter();
        if (isOurs)
        {
            _lun.Leave();
        }

        if (FileOf(request.Sync.Handle).FlushEnded(pinned, result >= 0 && isOurs))
        {
            request.ReplyOk();
        }
        else if (result >= 0 || !LosesWrites(-result))
        {
            // Nothing was lost, this node only may not or cannot say so by itself.
            Queue(request);
        }
        else
        {
            // A further flush that succeeds would prove nothing; the coordinator hears of it, and says so from now on.
            request.ReplyError(FuseErrno.InputOutput);
        }
    }

    /// <summary>The LUN was asked and failed; else it was not, or this node may not.</summary>
    private static bool LosesWrites(int errno) => errno is not (BadExchange or LinkSevered or FuseErrno.TimedOut);

    /// <summary>O_DSYNC without the rest of O_SYNC, or RWF_DSYNC.</summary>
    private static bool IsToBeStable(uint flags) => (flags & FuseShapes.OpenDataSync) != 0;

    /// <summary>
    /// A write that is answered when it is stable, inside valid data: it has completed, or its flush has. The LUN is flushed only after the
    /// write, under the same pin; then the same is looked at as after fdatasync, for the same reasons. What other writes of the file need is
    /// not this one's business: the clusters and the valid length that it lies in were committed before the layout was granted.
    /// </summary>
    private void ContinueStableWrite(FuseRequest request, OpenFile file, LayoutSnapshot pinned, int result)
    {
        ref readonly var write = ref request.Write;
        var offset = new FileByteOffset((long)write.Offset);
        if (!request.WasFlush && TryEnter())
        {
            request.State = pinned;
            request.SubmitFlush(_lun.Descriptor);
            return;
        }

        var isOurs = request.WasFlush && TryEnter();
        if (isOurs)
        {
            _lun.Leave();
        }

        if (file.StableWriteEnded(pinned, offset, (int)write.Size, result >= 0 && isOurs))
        {
            request.ReplyWrite((int)write.Size);
        }
        else if (result >= 0 || !LosesWrites(-result))
        {
            // Written again, through the coordinator: nobody was told that it is there.
            Queue(request);
        }
        else
        {
            request.ReplyError(FuseErrno.InputOutput);
        }
    }
}
