using Covol.Coordinator.Data;
using Covol.Coordinator.Sessions;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>
/// Redirected writes that take so long that their client gives them up, or has: such a write may land after its program was told that
/// it failed, over what was written since (SAFETY I3, 9). While one is inside, its file is in doubt: nobody writes it directly, and
/// redirected writes go one at a time, behind it.
/// </summary>
/// <remarks>
/// Two things put a file in doubt: a write that is inside for <see cref="CoordinatorOptions.DoubtAfter"/>, well before any client
/// gives up; and a client that asks about a write which still runs (it settles a slot by sending a renewal under the write's id).
/// </remarks>
public sealed partial class VolumeCoordinator
{
    private static readonly TimeSpan s_doubtCheck = TimeSpan.FromSeconds(1);

    /// <summary>In the order of their arrival. Bounded by the slots of all sessions.</summary>
    private readonly LinkedList<RunningWrite> _runningWrites = [];

    /// <summary>Files in doubt, with the number of writes in doubt.</summary>
    private readonly Dictionary<FileId, int> _doubted = [];

    private bool _doubtTimerRuns;

    private bool IsInDoubt(FileId file) => _options.DoubtsSlowWrites && _doubted.ContainsKey(file);

    /// <summary>Whatever changes a file's bytes: a write, a change of size (a cut is a write of nothing), a range of zeroes.</summary>
    private async Task<VolumeReply> WatchedAsync(Slot slot, FileId file, Func<Task<VolumeReply>> write)
    {
        var running = _runningWrites.AddLast(new RunningWrite(file, _thread.Now));
        slot.Write = running.Value;
        StartDoubtTimer();
        try
        {
            return await write();
        }
        finally
        {
            slot.Write = null;
            _runningWrites.Remove(running);
            if (running.Value.InDoubt)
            {
                EndDoubt(file);
            }
        }
    }

    /// <summary>The client asks what became of a request it gave up.</summary>
    private void NoteGivenUp(Slot slot, VolumeRequest asked)
    {
        if (slot.Write is { } write && asked is not (WriteData or SetSize or Allocate or Open or Create))
        {
            Doubt(write);
        }
    }

    private void Doubt(RunningWrite write)
    {
        if (write.InDoubt)
        {
            return;
        }

        write.InDoubt = true;
        var already = _doubted.GetValueOrDefault(write.File);
        _doubted[write.File] = already + 1;
        if (already == 0 && _options.DoubtsSlowWrites)
        {
            CoordinatorLog.InDoubt(_log, _parts.VolumeName, write.File);

            // From here on no layout for writing is granted, so after this recall nobody writes by itself.
            Background(() => RecallAsync(write.File, RecallScope.Writes));
        }
    }

    private void EndDoubt(FileId file)
    {
        if (--_doubted[file] == 0)
        {
            _doubted.Remove(file);
            CoordinatorLog.OutOfDoubt(_log, _parts.VolumeName, file);
        }
    }

    private void StartDoubtTimer()
    {
        if (!_doubtTimerRuns)
        {
            _doubtTimerRuns = true;
            _thread.At(_thread.Now + s_doubtCheck, () =>
            {
                _doubtTimerRuns = false;
                DoubtOldWrites();
            });
        }
    }

    private void DoubtOldWrites()
    {
        foreach (var write in _runningWrites)
        {
            if (_thread.Now - write.Since < _options.DoubtAfter)
            {
                break;
            }

            Doubt(write);
        }

        if (_runningWrites.Count > 0)
        {
            StartDoubtTimer();
        }
    }
}
