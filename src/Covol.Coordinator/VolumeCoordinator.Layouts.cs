using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Leases;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Session = Covol.Coordinator.Sessions.Session;

namespace Covol.Coordinator;

/// <summary>Layouts: what the machine decides is carried out here.</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>When to ask for a layout of a file that has no data yet.</summary>
    private static readonly TimeSpan s_askAgainForData = TimeSpan.FromMilliseconds(200);

    /// <summary>When to ask for a layout of a file that cannot have one as it is.</summary>
    private static readonly TimeSpan s_askAgainForOther = TimeSpan.FromSeconds(5);

    /// <summary>When to ask for a layout to write a file that a slow redirected write may still change.</summary>
    private static readonly TimeSpan s_askAgainInDoubt = TimeSpan.FromSeconds(1);

    private readonly Dictionary<long, TaskCompletionSource> _recalls = [];
    private readonly List<(SessionId Session, TaskCompletionSource Fenced)> _fenceWaiters = [];
    private long _lastRecall;
    private long _layoutTimer;

    private VolumeReply Renew(Session session)
    {
        if (StepLayouts(new LayoutInput.Renew(session.Id)) is not LayoutEffect.LeaseRenewed { Accepted: true })
        {
            return new Refused(VolumeError.Stale, $"{session.DataKey} is fenced. Its layouts end; resume the session with a new key.");
        }

        StepLeases(new LeaseInput.Renew(session.Id));
        return Done.Instance;
    }

    private Done Return(Session session, ReturnLayout returned)
    {
        StepLayouts(new LayoutInput.Return(session.Id, returned.File, returned.Generation));
        return Done.Instance;
    }

    private async Task<VolumeReply> GetLayoutAsync(Session session, RequestId id, GetLayout get)
    {
        if (get is { WithTail: true, Extends: { } tailed })
        {
            return new LayoutGranted(await TryExtendTailAsync(session, get.File, tailed), s_askAgainForOther);
        }

        if (get is { WithTail: true, Access: LayoutAccess.ReadWrite } && await TryGrantTailAsync(session, id, get.File) is { } withTail)
        {
            return new LayoutGranted(withTail, TimeSpan.Zero);
        }

        // Inside the gate no recall of this file is under way, and none begins before the machine knows of this grant.
        using var gate = await _gates.EnterAsync(get.File, Driver.GateMode.Shared);
        var known = _maps.Find(get.File);
        var map = await _metadata.ReadAsync(context =>
        {
            var attributes = context.Volume.GetAttributes(get.File);
            if (attributes.Kind != FileKind.Regular)
            {
                throw new VolumeException(VolumeError.InvalidArgument, "Only regular files have layouts.");
            }

            if (get.Access == LayoutAccess.ReadWrite && CarriesSetId(attributes.Mode))
            {
                // A write takes these bits away, which is the coordinator's to do.
                return null;
            }

            // Of a map that is known all has been looked at, and only what is told is once more; else all of it, also what lies behind valid
            // length: later writes go by this map.
            var found = known ?? context.Volume.Map(get.File);
            var told = known is null ? found.Extents : Told(found, get.From) ?? [];
            if (told.Count > 0)
            {
                context.CheckpointBefore(told);
            }

            return found;
        });
        if (map is not null)
        {
            _maps.Put(get.File, map);
        }

        if (map is null || Told(map, get.From) is not { } extents)
        {
            return new LayoutGranted(null, s_askAgainForOther);
        }

        if (extents.Count == 0)
        {
            return new LayoutGranted(null, s_askAgainForData);
        }

        if (get.Access == LayoutAccess.ReadWrite && IsInDoubt(get.File))
        {
            return new LayoutGranted(null, s_askAgainInDoubt);
        }

        if (get.Access == LayoutAccess.ReadWrite && _ledger.IsLost(get.File) && _options.RecallsLostFiles)
        {
            return new LayoutGranted(null, s_askAgainForOther);
        }

        if (get.Access == LayoutAccess.ReadWrite)
        {
            _ledger.Wrote(get.File);
        }

        var isPart = extents.Count < PiecesBefore(map, UpToCluster(map.ValidLength.Value));
        if (get.Extends is { } generation)
        {
            // No layout covers a hole, so one that was filled since is told without a recall, while I/O inside the grant goes on; and a grant is
            // of the whole file, however much of it was told.
            return _layouts.Standing(session.Id, get.File, generation) == get.Access
                ? new LayoutGranted(LayoutOf(generation), TimeSpan.Zero)
                : new LayoutGranted(null, TimeSpan.Zero);
        }

        return StepLayouts(new LayoutInput.Ask(session.Id, get.File, get.Access)) switch
        {
            LayoutEffect.Granted granted => new LayoutGranted(LayoutOf(granted.Generation), TimeSpan.Zero),
            LayoutEffect.Denied denied => new LayoutGranted(null, denied.AskAgainAfter),
            var other => throw new InvariantBrokenException($"A layout was answered with {other?.GetType().Name}."),
        };

        Layout LayoutOf(LayoutGeneration granted) => new(get.File, granted, get.Access, extents, map.ValidLength) { IsPart = isPart };
    }

    private async Task<bool> TryReclaimLayoutAsync(Session session, Layout layout)
    {
        var registered = await _registrations.RunAsync(() => _parts.Reservations.ReadKeys().Contains(session.DataKey));
        if (!registered && _options.ChecksReclaimedLayouts)
        {
            return false;
        }

        using var gate = await _gates.EnterAsync(layout.File, Driver.GateMode.Shared);
        var map = await WritableMapAsync(layout.File);
        if (layout.HasTail && !_tails.IsOf(layout.File, session.Id, layout.Generation))
        {
            return false;
        }

        // Room behind valid length is the file's for as long as its tail is claimed.
        var present = layout.HasTail ? [.. map.Extents] : Grantable(map);
        if (_options.ChecksReclaimedLayouts
            && (map.ValidLength < layout.ValidLength || present is null || !Contains(present, layout.Extents)))
        {
            return false;
        }

        _ledger.Wrote(layout.File);
        var isTaken = !_options.NotesReclaimedLayouts
            || StepLayouts(new LayoutInput.Reclaim(session.Id, layout.File, layout.Access, layout.Generation)) is LayoutEffect.Granted;
        if (isTaken && layout.Access == LayoutAccess.ReadWrite && _ledger.IsLost(layout.File) && _options.RecallsLostFiles)
        {
            Background(() => RecallLostAsync([layout.File]));
        }

        return isTaken;
    }

    /// <summary>Ends when no session does I/O inside the file by itself any more.</summary>
    private Task RecallAsync(FileId file, RecallScope scope)
    {
        if (!_options.RecallsLayouts)
        {
            return Task.CompletedTask;
        }

        // Who waits goes on in a step of its own: in the middle of the machine's effects it could step it anew.
        _lastRecall++;
        var completed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _recalls.Add(_lastRecall, completed);
        StepLayouts(new LayoutInput.Recall(file, scope, _lastRecall));
        return completed.Task;
    }

    /// <summary>
    /// Tells the machine and carries out what it wants; answers its first effect, which is the input's answer where it has one.
    /// </summary>
    private LayoutEffect? StepLayouts(LayoutInput input)
    {
        _thread.AssertCurrent();
        var effects = new List<LayoutEffect>();
        _layouts.Step(_thread.Now, input, effects);
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case LayoutEffect.SendRecall recall:
                    if (_sessions.TryGetValue(recall.Session, out var holder))
                    {
                        holder.Notify(new RecallLayout(recall.File, recall.Generation));
                    }

                    break;
                case LayoutEffect.StartFence fence:
                    Background(() => FenceAsync(fence));
                    break;
                case LayoutEffect.SessionFenced fenced:
                    foreach (var waiter in _fenceWaiters.Where(waiter => waiter.Session == fenced.Session).ToList())
                    {
                        _fenceWaiters.Remove(waiter);
                        waiter.Fenced.SetResult();
                    }

                    break;
                case LayoutEffect.LeaseEnded ended:
                    ForgetLease(ended.Session);
                    break;
                case LayoutEffect.RecallCompleted completed:
                    _recalls.Remove(completed.Ticket, out var waiting);
                    waiting!.SetResult();
                    break;
                case LayoutEffect.SetTimer timer:
                    // A later timer replaces this one; the old one then finds another number and does nothing.
                    _layoutTimer++;
                    if (timer.At is { } at)
                    {
                        var mine = _layoutTimer;
                        _thread.At(at, () => FireLayoutTimer(mine));
                    }

                    break;
                case LayoutEffect.Granted or LayoutEffect.Denied or LayoutEffect.LeaseRenewed:
                    break;
                default:
                    throw new InvariantBrokenException($"{effect.GetType().Name} is not carried out.");
            }
        }

        return effects.Count > 0 ? effects[0] : null;
    }

    private void FireLayoutTimer(long timer)
    {
        if (timer == _layoutTimer)
        {
            StepLayouts(new LayoutInput.TimerFired());
        }
    }

    private async Task FenceAsync(LayoutEffect.StartFence fence)
    {
        CoordinatorLog.Fencing(_log, _parts.VolumeName, fence.DataKey, fence.Session, fence.Reason);
        string? obstacle = null;
        try
        {
            var isGone = await _fences.RunAsync(() =>
            {
                _parts.Reservations.PreemptAndAbort(_parts.OwnKey, fence.DataKey, _options.DrainLimit);
                return !_parts.Reservations.ReadKeys().Contains(fence.DataKey);
            });
            obstacle = isGone ? null : "the LUN still shows the key";
        }
        catch (LunException failure) when (failure.Error != LunError.ReservationConflict)
        {
            obstacle = failure.Message;
        }

        if (obstacle is null)
        {
            CoordinatorLog.Fenced(_log, _parts.VolumeName, fence.DataKey, fence.Session);
            StepLayouts(new LayoutInput.FenceCompleted(fence.Session, fence.DataKey));
        }
        else
        {
            CoordinatorLog.FenceFailed(_log, _parts.VolumeName, fence.DataKey, fence.Session, obstacle);
            StepLayouts(new LayoutInput.FenceFailed(fence.Session, fence.DataKey));
        }
    }

    /// <summary>
    /// The extents of a file's valid data, in whole clusters, holes left out; empty where there is none; null where it lies in its MFT record or is
    /// encoded. What lies behind is left out too: it may move into a hole without a recall.
    /// </summary>
    private List<FileExtent>? Grantable(FileMap map)
    {
        if (IsResident(map) || (map.IsCompressed && map.ValidLength.Value > 0))
        {
            return null;
        }

        var end = new FileByteOffset(UpToCluster(map.ValidLength.Value));
        return
        [
            .. map.Extents.TakeWhile(extent => extent.FileStart < end)
                .Select(extent => extent.FileEnd > end ? extent with { Length = end - extent.FileStart } : extent),
        ];
    }

    /// <summary>
    /// As <see cref="Grantable"/>, but of a file in more pieces than are told at once those around <paramref name="from"/>: as many before it
    /// as behind it.
    /// </summary>
    private List<FileExtent>? Told(FileMap map, FileByteOffset from)
    {
        var count = PiecesBefore(map, UpToCluster(map.ValidLength.Value));
        if (count <= _options.PlacesMax || IsResident(map) || map.IsCompressed)
        {
            return Grantable(map);
        }

        var first = Math.Clamp(PiecesBefore(map, from.Value) - (_options.PlacesMax / 2), 0, count - _options.PlacesMax);
        var end = new FileByteOffset(UpToCluster(map.ValidLength.Value));
        var told = new List<FileExtent>(_options.PlacesMax);
        for (var index = first; index < first + _options.PlacesMax; index++)
        {
            var extent = map.Extents[index];
            told.Add(extent.FileEnd > end ? extent with { Length = end - extent.FileStart } : extent);
        }

        return told;
    }

    /// <summary>How many pieces of a file begin before a place, by halves.</summary>
    private static int PiecesBefore(FileMap map, long place)
    {
        var (low, high) = (0, map.Extents.Count);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            (low, high) = map.Extents[middle].FileStart.Value < place ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    /// <summary>Whether every byte of one list lies at the same place in the other.</summary>
    private static bool Contains(List<FileExtent> present, IReadOnlyList<FileExtent> claimed)
    {
        var index = 0;
        foreach (var extent in claimed)
        {
            for (var at = extent.FileStart; at < extent.FileEnd; at = present[index].FileEnd)
            {
                while (index < present.Count && present[index].FileEnd <= at)
                {
                    index++;
                }

                if (index == present.Count || present[index].FileStart > at
                    || present[index].LunStart + (at - present[index].FileStart) != extent.LunStart + (at - extent.FileStart))
                {
                    return false;
                }
            }
        }

        return true;
    }
}
