using Covol.Fuse;
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
        else if (result >= 0 || -result is BadExchange or LinkSevered or FuseErrno.TimedOut)
        {
            // Nothing was lost, this node only may not or cannot say so by itself.
            Queue(request);
        }
        else
        {
            // A lost write is told once, to the one who wrote it: a further flush that succeeds would prove nothing.
            _volume.FlushFailed();
            request.ReplyError(FuseErrno.InputOutput);
        }
    }
}
