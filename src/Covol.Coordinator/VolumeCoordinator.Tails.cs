using Covol.Coordinator.Data;
using Covol.Coordinator.Driver;
using Covol.Coordinator.Metadata;
using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Session = Covol.Coordinator.Sessions.Session;

namespace Covol.Coordinator;

/// <summary>
/// Room behind valid length that one node fills by itself, and what it takes that nobody else sees too little or too much of it
/// (SAFETY 12, 13).
/// </summary>
public sealed partial class VolumeCoordinator
{
    private readonly TailMachine _tails;

    /// <summary>Which request a tail was given to: sent again, because its answer was lost, it is given again.</summary>
    private readonly Dictionary<FileId, RequestId> _tailRequests = [];

    /// <summary>Told and not carried out yet, oldest first: by whoever has the file's gate. Bounded by the slots of a session.</summary>
    private readonly Dictionary<FileId, List<TailReport>> _tailReports = [];

    private readonly Dictionary<long, TaskCompletionSource> _tailWaiters = [];
    private readonly Dictionary<FileId, TaskCompletionSource> _tailSignals = [];
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
    /// is carried out here, since nobody else gets in.
    /// </summary>
    /// <param name="file">Whose tail.</param>
    /// <param name="by">Who changes it; null: the coordinator itself.</param>
    private async Task EndTailAsync(FileId file, SessionId? by)
    {
        if (_tails.HolderOf(file) is not { } holder)
        {
            return;
        }

        RefuseWhileReclaiming(file, holder);
        var ended = StartTailRequest(ticket => new TailInput.End(file, by, ticket));
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
                _tailSignals.Add(file, signal = new TaskCompletionSource());
            }

            await Task.WhenAny(ended, signal.Task);
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

    private async Task<VolumeReply> CommitLayoutAsync(Session session, CommitLayout told)
    {
        var report = new TailReport(session.Id, told);
        if (!_tailReports.TryGetValue(told.File, out var reports))
        {
            _tailReports.Add(told.File, reports = []);
        }

        reports.Add(report);
        if (_tailSignals.Remove(told.File, out var waiting))
        {
            waiting.SetResult();
        }

        // Whoever waits inside the gate for this carries it out; else it is done in a turn of its own.
        Background(() => CarryOutInGateAsync(reports, report));
        await report.Stable;
        return Done.Instance;
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
            await MakeValidAsync(report.Session, report.Told);
            report.Done();
        }
        catch (Exception failure) when (failure is VolumeException or LunException)
        {
            report.Failed(failure);
        }
    }

    private async Task MakeValidAsync(SessionId session, CommitLayout told)
    {
        var file = told.File;
        var isOf = _tails.IsOf(file, session, told.Generation);
        if (told.Written.Count > 0 && !_tails.Counts(file, session, told.Generation))
        {
            if (isOf && told.IsLast)
            {
                await EndClaimAsync(file, null);
            }

            throw new VolumeException(
                isOf ? VolumeError.IoFailed : VolumeError.Stale,
                $"What {session} wrote behind the valid length of {file} is lost: "
                + (isOf ? "a flush of the LUN failed since." : "the tail has ended without it."));
        }

        if (isOf)
        {
            var map = await MapAsync(file);
            var valid = await FillAsync(map, told);
            if (valid > map.ValidLength.Value)
            {
                _ledger.Wrote(file);
                await _flushes.FlushAsync();
                if (!_tails.Counts(file, session, told.Generation))
                {
                    throw new VolumeException(VolumeError.IoFailed, $"A flush of the LUN failed after {file} was written; what it held is lost.");
                }

                var longer = map with
                {
                    ValidLength = new ByteCount(valid),
                    Size = new ByteCount(Math.Max(valid, map.Size.Value)),
                };
                await EndClaimAsync(file, longer, told.IsLast);
            }
            else if (told.IsLast)
            {
                await EndClaimAsync(file, null);
            }
        }

        StepTails(new TailInput.Told(file, told.Ticket));
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
    /// <param name="isLast">The claim ends.</param>
    private async Task EndClaimAsync(FileId file, FileMap? longer, bool isLast = true)
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

            return true;
        });

        // Before anybody who waits is answered: he goes on inside that call, beside this gate, and takes the map as it is then (I3).
        if (longer is not null)
        {
            _maps.Put(file, longer);
        }

        if (isLast)
        {
            _tailRequests.Remove(file);
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
            _tailRequests.Remove(file);
            StepTails(new TailInput.Ended(file));
        }
    }

    /// <summary>
    /// A layout with a tail, or null: one without is all there is. The clusters are the file's and stable, no replay will put older content
    /// there [15], and the claim is in the journal before the node hears of it.
    /// </summary>
    private async Task<Layout?> TryGrantTailAsync(Session session, RequestId id, FileId file)
    {
        if (!_options.GrantsTails || InGrace)
        {
            return null;
        }

        using var gate = await _gates.EnterAsync(file, GateMode.Extend);
        if (_tailRequests.TryGetValue(file, out var given) && given == id && _tails.HolderOf(file) == session.Id)
        {
            // The answer was lost, so the node never saw what it was given.
            await EndClaimAsync(file, null);
        }

        if (!_tails.MayClaim(_thread.Now, file) || IsInDoubt(file) || session.IsEnding
            || await TailMapAsync(file) is not { } map
            || GrantableTail(map) is not { } extents)
        {
            return null;
        }

        _ledger.Wrote(file);
        if (StepLayouts(new LayoutInput.Ask(session.Id, file, LayoutAccess.ReadWrite)) is not LayoutEffect.Granted granted)
        {
            return null;
        }

        _tailRequests[file] = id;
        StepTails(new TailInput.Claimed(file, session.Id, granted.Generation));
        await _metadata.ChangeAsync(context =>
        {
            context.Changes.Add(new StateChange.TailClaimed(file, session.Id, granted.Generation));
            return true;
        });
        return new Layout(file, granted.Generation, LayoutAccess.ReadWrite, extents, map.ValidLength) { TailEnd = extents[^1].FileEnd };
    }

    /// <summary>The file's map with room behind valid length; null where it cannot have any.</summary>
    private async Task<FileMap?> TailMapAsync(FileId file)
    {
        var map = await WritableMapAsync(file);
        var attributes = await _metadata.ReadAsync(context => context.Volume.GetAttributes(file));
        if (attributes.Kind != FileKind.Regular || CarriesSetId(attributes.Mode) || map.ValidLength.Value < _options.TailFrom
            || IsResident(map) || !_data.Covers(map, 0, map.ValidLength.Value) || _orphans.Contains(file))
        {
            return null;
        }

        _maps.Put(file, map);
        var (_, free, _, _) = await _metadata.ReadAsync(context => context.Volume.GetSpace());
        var size = map.Size.Value;
        var room = Math.Min(Math.Clamp(size, _options.TailMin, SpareMax), free.Value / SpareShare);
        if (BehindValid(map) < room / 2)
        {
            await _metadata.ChangeAsync(context => HasHoleBehindValid(map)
                ? AllocateBehind(context, file, map, room)
                : context.Volume.Preallocate(file, new ByteCount(size + room)));
            _spare.Add(file);
            map = await WritableMapAsync(file);
            _maps.Put(file, map);
        }

        return map;
    }

    /// <summary>The extents of valid data and of the room behind it; null where they are too many, or there is no room.</summary>
    private List<FileExtent>? GrantableTail(FileMap map)
    {
        var covered = new List<FileExtent>();
        var at = FileByteOffset.Zero;
        var limit = map.ValidLength.Value + SpareMax;
        foreach (var extent in map.Extents)
        {
            if (extent.FileStart != at || covered.Count == Layout.ExtentsMax || at.Value >= limit)
            {
                break;
            }

            covered.Add(extent);
            at = extent.FileEnd;
        }

        return at.Value - map.ValidLength.Value >= _options.TailMin / 4 ? covered : null;
    }

    private Task StartTailRequest(Func<long, TailInput> request)
    {
        _lastTailTicket++;
        var answered = new TaskCompletionSource();
        _tailWaiters.Add(_lastTailTicket, answered);
        StepTails(request(_lastTailTicket));
        return answered.Task;
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
                    break;
                case TailEffect.FenceHolder fence:
                    StepLayouts(new LayoutInput.FenceSession(fence.Session, fence.Reason));
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
