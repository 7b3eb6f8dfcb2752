using Covol.Coordinator.Metadata;
using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Volume;
using Session = Covol.Coordinator.Sessions.Session;

namespace Covol.Coordinator;

/// <summary>Flushes of the LUN that fail: everybody whose writes may be lost learns of it (SAFETY 19, I6).</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>Recalls that are under way at one time because their files lost writes.</summary>
    private const int LostRecallsMax = 256;

    /// <summary>Lost files that the journal keeps; more are known to this coordinator only.</summary>
    private const int LostFilesKeptMax = 1_024;

    /// <summary>
    /// Before anybody of those who waited for the flush goes on. Who waits is told at once, without waiting for the record: the
    /// journal lies on the same LUN, and where its commit fails too this coordinator answers nobody any more.
    /// </summary>
    private void FlushFailed(Exception failure)
    {
        if (failure is not LunException { Error: LunError.MediaFailed or LunError.NoSpace })
        {
            // It ends the coordinator, and the next one flushes by its own path.
            return;
        }

        // What a tail holds and nobody told yet may be lost too: it must not become valid, or what was there before would show.
        StepTails(new TailInput.FlushFailed());
        var lost = _options.RemembersLostWrites ? _ledger.Failed(_opens.Keys) : [];
        if (lost.Count == 0)
        {
            return;
        }

        CoordinatorLog.WritesLost(_log, _parts.VolumeName, lost.Count, failure.Message);

        // A later coordinator knows by these records which tails are void; so all those with one are kept, beyond the limit too.
        var tails = lost.Where(_tails.IsClaimed).ToList();
        var kept = lost.Except(tails).Take(Math.Max(0, LostFilesKeptMax - (_ledger.LostCount - lost.Count))).Concat(tails).ToList();
        Background(() => _metadata.ChangeAsync(context =>
        {
            context.Changes.AddRange(kept.Select(file => new StateChange.WritesLost(file)));
            return true;
        }));
        if (_options.RecallsLostFiles)
        {
            Background(() => RecallLostAsync(lost.Where(_layouts.HasWriter).ToList()));
        }
    }

    /// <summary>
    /// Who writes a file by itself flushes by itself too, and would go on saying "done" of what is lost. Without a layout for writing, which
    /// nobody gets while the loss is remembered, each synchronisation comes here and is told.
    /// </summary>
    private async Task RecallLostAsync(List<FileId> files)
    {
        foreach (var some in files.Chunk(LostRecallsMax))
        {
            await Task.WhenAll(some.Select(file => RecallAsync(file, RecallScope.Writes)));
        }
    }

    /// <summary>
    /// A node saw the flush of a file fail. Answered when the loss is in the journal: by then everybody who synchronises such a file hears of
    /// it, here and after a takeover.
    /// </summary>
    private async Task<VolumeReply> NoteFailedFlushAsync(Session session, RequestId id, FileId file)
    {
        if (_opens.ContainsKey(file))
        {
            // What it wrote directly is not seen here, and its layout may have gone back since.
            _ledger.Wrote(file);
        }

        if (_options.BelievesFailedFlushes)
        {
            _flushes.FailedElsewhere(new LunException(LunError.MediaFailed, $"{session.Node} flushed the LUN in vain."));
        }

        await _metadata.ChangeAsync(context =>
        {
            context.Changes.Add(new StateChange.Answered(id, Done.Instance));
            return true;
        });
        return Done.Instance;
    }

    /// <summary>For who asks whether his writes are stable: flushes, and tells him of a flush that failed earlier.</summary>
    private async Task FlushForAsync(FileId file)
    {
        bool isLost;
        try
        {
            await _flushes.FlushAsync();
        }
        finally
        {
            isLost = _ledger.TellLost(file);
        }

        if (isLost)
        {
            throw new VolumeException(
                VolumeError.IoFailed,
                $"A flush of the LUN failed after {file} was written: what was written since the last one that succeeded may be lost. "
                + "Close the file on every node, check what it holds, and write it again.");
        }
    }

    private void ForgetLoss(FileId file, bool isGone)
    {
        if (isGone ? _ledger.Emptied(file) : _ledger.Closed(file))
        {
            Background(() => _metadata.ChangeAsync(context =>
            {
                context.Changes.Add(new StateChange.WritesForgotten(file));
                return true;
            }));
        }
    }
}
