using Covol.Coordinator.Data;
using Covol.Coordinator.Driver;
using Covol.Coordinator.Metadata;
using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>
/// Room behind valid length that one node fills by itself, and what it takes that nobody else sees too little or too much of it
/// (SAFETY 12, 13).
/// </summary>
public sealed partial class VolumeCoordinator
{
    private readonly TailMachine _tails;

    /// <summary>Told and not carried out yet, oldest first: by whoever has the file's gate. Bounded by the slots of a session.</summary>
    private readonly Dictionary<FileId, List<TailReport>> _tailReports = [];

    private readonly Dictionary<long, TaskCompletionSource> _tailWaiters = [];

    /// <summary>Who has a file's gate and ends its tail: something was told, or the tail has ended. One a file at most.</summary>
    private readonly Dictionary<FileId, TaskCompletionSource> _tailSignals = [];

    /// <summary>Files whose tail is being cut.</summary>
    private readonly HashSet<FileId> _tailCuts = [];
    private long _lastTailTicket;
    private long _tailTimer;

    /// <summary>
    /// Before anything is said about a file's size or what lies behind its valid length: what its tail's holder has acknowledged is made
    /// valid. Holds no gate, because the holder's answer needs it.
    /// </summary>
    private async Task LookAsync(FileId file)
    {
        if (_tails.HolderOf(file) is { } holder && _options.AsksTails)
        {
            RefuseWhileReclaiming(file, holder);
            await StartTailRequest(ticket => new TailInput.Look(file, ticket));
        }
    }

    /// <summary>
    /// Before what lies behind valid length is changed, inside the file's gate for that: the tail ends. What its holder tells meanwhile
    /// is carried out here, since nobody else gets in. Before a recall inside the same gate: a report that waits for the gate has one of the
    /// slots in which the recall is answered (SAFETY 22).
    /// </summary>
    /// <param name="file">Whose tail.</param>
    /// <param name="by">Who changes it; null: the coordinator itself.</param>
    /// <param name="upTo">A write ends there; 0: it is no write.</param>
    private async Task EndTailAsync(FileId file, SessionId? by, long upTo = 0)
    {
        if (_tails.HolderOf(file) is not { } holder)
        {
            return;
        }

        RefuseWhileReclaiming(file, holder);
        var isUsedUp = by == holder && upTo > TailEndOf(file);
        var ended = StartTailRequest(ticket => new TailInput.End(file, by, ticket, isUsedUp));
        while (!ended.IsCompleted)
        {
            if (_tailReports.TryGetValue(file, out var reports) && reports.Count > 0)
            {
                var report = reports[0];
                Forget(reports, report);
                await CarryOutAsync(report);
                continue;
            }

            if (!_tailSignals.TryGetValue(file, out var signal))
            {
                _tailSignals.Add(file, signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            }

            await signal.Task;
        }

        _tailSignals.Remove(file);
        await ended;
    }

    /// <summary>Its holder cannot be asked before it is back, and nobody may be kept waiting in a gate until then.</summary>
    private void RefuseWhileReclaiming(FileId file, SessionId holder)
    {
        if (InGrace && _sessions.TryGetValue(holder, out var session) && session.IsReclaiming)
        {
            throw new VolumeException(VolumeError.InGrace, $"{holder} wrote behind the valid length of {file} and is asked when it is back.");
        }
    }

    private async Task<VolumeReply> CommitLayoutAsync(RequestId id, CommitLayout told)
    {
        var report = new TailReport(id, told);
        if (!_tailReports.TryGetValue(told.File, out var reports))
        {
            _tailReports.Add(told.File, reports = []);
        }

        // From here on whoever waits for the holder waits for this coordinator.
        var isOf = _tails.IsOf(told.File, id.Session, told.Generation);
        if (isOf)
        {
            StepTails(new TailInput.TellingBegan(told.File, told.Generation));
        }

        reports.Add(report);
        SignalTail(told.File);
        try
        {
            // Whoever waits inside the gate for this carries it out; else it is done in a turn of its own.
            Background(() => CarryOutInGateAsync(reports, report));
            await report.Stable;
            return Done.Instance;
        }
        finally
        {
            if (isOf)
            {
                StepTails(new TailInput.TellingEnded(told.File, told.Generation));
            }
        }
    }

    private async Task CarryOutInGateAsync(List<TailReport> reports, TailReport report)
    {
        using var gate = await _gates.EnterAsync(report.Told.File, GateMode.Extend);
        if (Forget(reports, report))
        {
            await CarryOutAsync(report);
        }
    }

    private bool Forget(List<TailReport> reports, TailReport report)
    {
        var isMine = reports.Remove(report);
        if (reports.Count == 0 && _tailReports.TryGetValue(report.Told.File, out var known) && ReferenceEquals(known, reports))
        {
            _tailReports.Remove(report.Told.File);
        }

        return isMine;
    }

    /// <summary>
    /// Inside the gate: zeroes between what was written → flush → valid length, stable (SAFETY 12). The ranges hold what was written,
    /// because the holder has no write inside the tail in flight.
    /// </summary>
    private async Task CarryOutAsync(TailReport report)
    {
        try
        {
            await MakeValidAsync(report);
            report.Done();
        }
        catch (Exception failure) when (failure is VolumeException or LunException)
        {
            report.Failed(failure);
        }
    }

    private async Task MakeValidAsync(TailReport report)
    {
        var told = report.Told;
        var file = told.File;
        var isOf = _tails.IsOf(file, report.Session, told.Generation);
        if (told.Written.Count > 0 && !Counts())
        {
            var lost = new Refused(
                isOf ? VolumeError.IoFailed : VolumeError.Stale,
                $"What {report.Session} wrote behind the valid length of {file} is lost: "
                + (isOf ? "a flush of the LUN failed since." : "the tail has ended without it."));
            if (isOf && told.IsLast)
            {
                await EndClaimAsync(file, null, new StateChange.Answered(report.Id, lost));
            }

            throw new VolumeException(lost.Error, lost.Detail);
        }

        if (!isOf)
        {
            return;
        }

        var answered = new StateChange.Answered(report.Id, Done.Instance);
        var map = await MapAsync(file);
        var valid = await FillAsync(map, told);
        if (valid > map.ValidLength.Value)
        {
            _ledger.Wrote(file);
            await FlushBeforeValidAsync();
            if (!Counts())
            {
                throw new VolumeException(
                    VolumeError.IoFailed,
                    $"A flush of the LUN failed after {file} was written, or its tail was cut meanwhile; what it held is lost.");
            }

            var longer = map with
            {
                ValidLength = new ByteCount(valid),
                Size = new ByteCount(Math.Max(valid, map.Size.Value)),
            };
            await EndClaimAsync(file, longer, answered, told.IsLast);
        }
        else if (told.IsLast)
        {
            await EndClaimAsync(file, null, answered);
        }

        StepTails(new TailInput.Told(file, told.Ticket));

        bool Counts() => _tails.Counts(file, report.Session, told.Generation);
    }

    /// <summary>Zeroes the gaps; answers up to where all is valid then.</summary>
    private async Task<long> FillAsync(FileMap map, CommitLayout told)
    {
        var valid = map.ValidLength.Value;
        var before = FileByteOffset.Zero;
        foreach (var range in told.Written)
        {
            if (range.Start < before || range.End <= range.Start
                || _data.Down(range.Start.Value) != range.Start.Value || _data.Down(range.End.Value) != range.End.Value
                || !_data.Covers(map, Math.Min(valid, range.Start.Value), range.End.Value))
            {
                throw new VolumeException(VolumeError.BadRequest, $"{range} of {told.File} is not of its tail.");
            }

            before = range.End;
            if (range.End.Value <= valid)
            {
                continue;
            }

            if (_options.ZeroesTails)
            {
                await ZeroAsync(map, valid, range.Start.Value);
            }

            valid = range.End.Value;
        }

        return valid;
    }

    /// <summary>Inside the gate: commits what became valid, and with <paramref name="isLast"/> the end of the tail.</summary>
    /// <param name="file">Whose tail.</param>
    /// <param name="longer">Its map from now on; null: nothing became valid.</param>
    /// <param name="answered">Told again after a crash, it gets this answer: the claim that it speaks of may be gone by then.</param>
    /// <param name="isLast">The claim ends.</param>
    private async Task EndClaimAsync(FileId file, FileMap? longer, StateChange.Answered? answered, bool isLast = true)
    {
        var now = _thread.WallClock;
        if (longer is not null)
        {
            _times.Remove(file);
        }

        await _metadata.ChangeAsync(context =>
        {
            if (longer is not null)
            {
                context.Volume.SetValidLength(file, longer.ValidLength, now);
            }

            if (isLast)
            {
                context.Changes.Add(new StateChange.TailEnded(file));
            }

            if (answered is not null)
            {
                context.Changes.Add(answered);
            }

            return true;
        });

        // Before anybody who waits is answered: he reads beside this gate, and takes the map as it is then (I3).
        if (longer is not null)
        {
            _maps.Put(file, longer);
        }

        if (isLast)
        {
            _tailGrants.Remove(file);
            StepTails(new TailInput.Ended(file));
        }
    }

    /// <summary>
    /// The session is over, and fenced or without I/O: nothing of its tails that it has not told becomes valid. Stable before anybody who
    /// waits goes on, so that no later coordinator believes it.
    /// </summary>
    private async Task EndTailsOfAsync(SessionId session)
    {
        var files = _tails.ClaimsOf(session);
        if (files.Count == 0)
        {
            return;
        }

        await _metadata.ChangeAsync(context =>
        {
            context.Changes.Add(new StateChange.TailsCut(session));
            return true;
        });
        foreach (var file in files.Where(file => _tails.HolderOf(file) == session))
        {
            _tailGrants.Remove(file);
            StepTails(new TailInput.Ended(file));
        }
    }

    /// <summary>
    /// The holder hangs and cannot tell: once nothing of it can land any more, its tail ends without it. Its session goes on; its
    /// programs hear of what they lost when it tells, at the latest.
    /// </summary>
    private async Task CutTailAsync(TailEffect.CutTail cut)
    {
        if (!_tailCuts.Add(cut.File))
        {
            return;
        }

        try
        {
            var fenced = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _fenceWaiters.Add((cut.Session, fenced));
            StepLayouts(new LayoutInput.FenceSession(cut.Session, $"it does not tell what it wrote of {cut.File}"));
            await fenced.Task;
            if (!_tails.IsOverdue(_thread.Now, cut.File, cut.Generation))
            {
                return;
            }

            await _metadata.ChangeAsync(context =>
            {
                context.Changes.Add(new StateChange.TailEnded(cut.File));
                return true;
            });

            // It may have told for the last time meanwhile, and somebody else may have the next tail.
            if (_tails.IsOf(cut.File, cut.Session, cut.Generation))
            {
                CoordinatorLog.TailCut(_log, _parts.VolumeName, cut.Session, cut.File);
                _tailGrants.Remove(cut.File);
                StepTails(new TailInput.Ended(cut.File));
            }
        }
        finally
        {
            _tailCuts.Remove(cut.File);
        }
    }

    private Task StartTailRequest(Func<long, TailInput> request)
    {
        // Who waits goes on in a step of its own: in the middle of the machine's effects it could step it anew.
        _lastTailTicket++;
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _tailWaiters.Add(_lastTailTicket, answered);
        StepTails(request(_lastTailTicket));
        return answered.Task;
    }

    private void SignalTail(FileId file)
    {
        if (_tailSignals.Remove(file, out var waiting))
        {
            waiting.SetResult();
        }
    }

    private void StepTails(TailInput input)
    {
        _thread.AssertCurrent();
        var effects = new List<TailEffect>();
        _tails.Step(_thread.Now, input, effects);
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case TailEffect.AskHolder ask:
                    if (_sessions.TryGetValue(ask.Session, out var holder))
                    {
                        holder.Notify(new ReportTail(ask.File, ask.Generation, ask.Ticket, ask.IsLast));
                    }

                    break;
                case TailEffect.Answered answered:
                    _tailWaiters.Remove(answered.Ticket, out var waiting);
                    waiting!.SetResult();
                    SignalTail(answered.File);
                    break;
                case TailEffect.FenceHolder fence:
                    StepLayouts(new LayoutInput.FenceSession(fence.Session, fence.Reason));
                    break;
                case TailEffect.CutTail cut:
                    Background(() => CutTailAsync(cut));
                    break;
                case TailEffect.SetTimer timer:
                    // A later timer replaces this one; the old one then finds another number and does nothing.
                    _tailTimer++;
                    if (timer.At is { } at)
                    {
                        var mine = _tailTimer;
                        _thread.At(at, () => FireTailTimer(mine));
                    }

                    break;
                default:
                    throw new InvariantBrokenException($"{effect.GetType().Name} is not carried out.");
            }
        }
    }

    private void FireTailTimer(long timer)
    {
        if (timer == _tailTimer)
        {
            StepTails(new TailInput.TimerFired());
        }
    }
}
