using Covol.Coordinator.Metadata;
using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>Flushes of the LUN that fail: everybody whose writes may be lost learns of it (SAFETY 19, I6).</summary>
public sealed partial class VolumeCoordinator
{
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
        StepTails(new Protocol.Layouts.TailInput.FlushFailed());
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
