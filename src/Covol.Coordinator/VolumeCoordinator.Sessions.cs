using Covol.Coordinator.Metadata;
using Covol.Coordinator.Sessions;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Leases;
using Covol.Protocol.Locks;
using Covol.Protocol.Ownership;
using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.Coordinator;

/// <summary>Who the clients are: sessions, their connections, grace, hand-over.</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>Nodes that the cluster evicted, up to which incarnation of their data keys.</summary>
    private readonly Dictionary<NodeId, long> _evicted = [];

    /// <summary>Sessions that were evicted while their leases ran, as the journal says: a later coordinator waits for them too.</summary>
    private readonly HashSet<SessionId> _leasesLeft = [];

    /// <summary>Connections that are there and wait for a session, once for each that they asked for; they may end before.</summary>
    private readonly List<IVolumeCaller> _opening = [];

    private long _lastSession;
    private int _clusterSize;
    private FileId _root;
    private TaskCompletionSource? _idle;

    private bool InGrace => _phase == CoordinatorPhase.Grace;

    private void Begin(DurableState state, IReadOnlyList<FileId> orphans, int clusterSize, FileId root)
    {
        WatchOwnKey();
        _clusterSize = clusterSize;
        _root = root;
        _lastSession = state.LastSession;
        foreach (var orphan in orphans)
        {
            _orphans.Add(orphan);
        }

        foreach (var lost in state.LostWrites)
        {
            _ledger.Inherit(lost);
        }

        foreach (var kept in state.Sessions)
        {
            var session = new Session(
                kept.Session, kept.Node, kept.MountId, kept.DataKey, kept.SlotCount, _options.ReservedSlots)
            {
                IsReclaiming = true,
            };
            _sessions.Add(kept.Session, session);
            StepLayouts(new LayoutInput.SessionJoined(kept.Session, kept.DataKey, MayHoldUnknown: true));
            StepLeases(new LeaseInput.SessionJoined(kept.Session, Takes: false, MayHoldUnknown: true));
        }

        foreach (var session in state.LeasesLeft)
        {
            _leasesLeft.Add(session);
            StepLayouts(new LayoutInput.LeaseLeft(session));
        }

        foreach (var answered in _options.KeepsAnswersOverTakeover ? state.Answers : [])
        {
            if (_sessions.TryGetValue(answered.Id.Session, out var session) && answered.Id.Slot < session.Slots.Length)
            {
                session.Slots[answered.Id.Slot].LastSequence = answered.Id.Sequence;
                session.Slots[answered.Id.Slot].LastReply = answered.Reply;
            }
        }

        foreach (var placed in state.Appends)
        {
            if (_sessions.TryGetValue(placed.Id.Session, out var session) && placed.Id.Slot < session.Slots.Length)
            {
                session.Slots[placed.Id.Slot].PlacedAppend = (placed.Id.Sequence, placed.Offset);
            }
        }

        foreach (var tail in state.Tails)
        {
            StepTails(new TailInput.Claimed(tail.File, tail.Session, tail.Generation));

            // What its holder wrote there and has not told is unflushed for all that is known here.
            _ledger.Wrote(tail.File);
        }

        StepTails(new TailInput.FlushFailed(state.LostWrites));

        if (_sessions.Count == 0)
        {
            EnterPhase(CoordinatorPhase.Serving, "No session was left by an earlier coordinator.");
            PurgeUnused();
            return;
        }

        EnterPhase(CoordinatorPhase.Grace, $"{_sessions.Count} sessions may reclaim.");
        StartGraceTimer();
    }

    private void EndGrace(string reason)
    {
        if (!InGrace)
        {
            return;
        }

        EnterPhase(CoordinatorPhase.Serving, reason);
        StepLayouts(new LayoutInput.GraceEnded());
        foreach (var silent in _sessions.Values.Where(session => session.IsReclaiming && !session.IsEnding).ToList())
        {
            // It may still write until its key is fenced, so what it had ends only then, and nobody gets its locks before.
            Background(() => EvictSessionAsync(silent, "it did not reclaim in time"));
        }

        PurgeUnused();
    }

    private void EndGraceWhenAllReclaimed()
    {
        if (InGrace && !_sessions.Values.Any(session => session.IsReclaiming))
        {
            EndGrace("Every session has reclaimed.");
        }
    }

    private async Task<VolumeReply> OpenSessionAsync(IVolumeCaller caller, OpenSession open)
    {
        if (open.Node != caller.Node)
        {
            throw new VolumeException(VolumeError.NotPermitted, $"The connection is {caller.Node}'s, the session is for {open.Node}.");
        }

        if (IsEvicted(open.Node, open.DataKey))
        {
            throw new VolumeException(
                VolumeError.SessionUnknown, $"{open.Node} was evicted with {open.DataKey}; it comes back with a new key after it has let go of all.");
        }

        Session session;
        _opening.Add(caller);
        try
        {
            session = open.Resume is { } resume ? await ResumeAsync(resume, open) : await BeginSessionAsync(caller, open);
            RequireThere(caller);
        }
        finally
        {
            _opening.Remove(caller);
        }

        StepLeases(new LeaseInput.LetGo(session.Id));
        StepLeases(new LeaseInput.SessionJoined(session.Id, open.TakesAttributeLeases, MayHoldUnknown: false));
        session.Attach(caller);
        return new SessionOpened(
            session.Id, session.SlotCount, _options.ReservedSlots, _options.Layouts.Lease, _data.BlockSize, _clusterSize, InGrace)
        {
            AttributeLease = open.TakesAttributeLeases ? _options.AttributeLease : TimeSpan.Zero,
        };
    }

    /// <summary>
    /// After each wait of an opening: a connection that ended meanwhile is not told to end again. As one of a session's it would speak for it
    /// for ever, and no newer mount of the node would take its place (<see cref="EvictForsaken"/>).
    /// </summary>
    private void RequireThere(IVolumeCaller caller)
    {
        if (!_opening.Contains(caller))
        {
            throw new VolumeException(VolumeError.AskAgain, "The connection ended before its session was open; ask again over another one.");
        }
    }

    private bool IsEvicted(NodeId node, ReservationKey dataKey) =>
        _evicted.TryGetValue(node, out var incarnation) && KeyLayout.Incarnation(dataKey) <= incarnation;

    private async Task<Session> BeginSessionAsync(IVolumeCaller caller, OpenSession open)
    {
        if (_sessions.Count >= _options.SessionsMax)
        {
            throw new VolumeException(VolumeError.Busy, $"{_options.SessionsMax} sessions use this volume already.");
        }

        // A holder that asks anew has lost what its session had; the same mount never has two.
        var earlier = _sessions.Values.Where(other => other.Node == open.Node && !other.IsEnding).ToList();
        if (earlier.Find(other => other.MountId == open.MountId) is { } same)
        {
            if (same.DataKey == open.DataKey)
            {
                StepLayouts(new LayoutInput.SessionClosed(same.Id));
                await EndSessionAsync(same, "its mount began a new one");
            }
            else
            {
                await EvictSessionAsync(same, "its mount began a new one");
            }

            RequireThere(caller);
        }

        _lastSession++;
        var session = new Session(
            new SessionId(_lastSession),
            open.Node,
            open.MountId,
            open.DataKey,
            Math.Clamp(open.SlotCount, 1, _options.SlotsMax),
            _options.ReservedSlots);
        _sessions.Add(session.Id, session);
        await _metadata.ChangeAsync(context =>
        {
            context.Changes.Add(session.ToKept());
            return true;
        });
        StepLayouts(new LayoutInput.SessionJoined(session.Id, session.DataKey, MayHoldUnknown: false));
        CoordinatorLog.SessionBegan(_log, _parts.VolumeName, session.Id, session.Node, session.DataKey);

        // One mount a volume and node: what an earlier one left goes, once nobody speaks for it.
        EvictForsaken(open.Node);
        return session;
    }

    private async Task<Session> ResumeAsync(SessionId id, OpenSession open)
    {
        if (!_sessions.TryGetValue(id, out var session) || session.IsEnding)
        {
            throw new VolumeException(VolumeError.SessionUnknown, $"{id} has ended; its locks and handles are gone.");
        }

        if (session.Node != open.Node || session.MountId != open.MountId)
        {
            throw new VolumeException(VolumeError.NotPermitted, $"{id} belongs to another mount.");
        }

        if (session.DataKey != open.DataKey)
        {
            // A new life of the data path: nothing of the old one may be on its way any more (SAFETY 4).
            var fenced = new TaskCompletionSource();
            _fenceWaiters.Add((id, fenced));
            StepLayouts(new LayoutInput.FenceSession(id, "its mount came back with another key"));
            await fenced.Task;
            await RequireNotEndingAsync(session, open.DataKey);
            session.DataKey = open.DataKey;
            await _metadata.ChangeAsync(context =>
            {
                context.Changes.Add(session.ToKept());
                return true;
            });
            await RequireNotEndingAsync(session, open.DataKey);
            StepLayouts(new LayoutInput.SessionJoined(id, open.DataKey, MayHoldUnknown: false));
        }

        return session;
    }

    /// <summary>
    /// After each wait of a resumption: what was evicted meanwhile must not come back, in the journal or among the layouts. Whoever evicts it
    /// knows of the old key only.
    /// </summary>
    private async Task RequireNotEndingAsync(Session session, ReservationKey next)
    {
        if (session.IsEnding && _options.RefusesEndedResumption)
        {
            await FenceUnusedAsync(session, next);
            throw new VolumeException(VolumeError.SessionUnknown, $"{session.Id} ended while it was resumed; its locks and handles are gone.");
        }
    }

    private void Detach(IVolumeCaller caller)
    {
        _opening.RemoveAll(other => other == caller);
        foreach (var session in _sessions.Values)
        {
            session.Callers.Remove(caller);
        }

        EvictForsaken(caller.Node);
    }

    /// <summary>Sessions of a node that nobody speaks for while a newer mount of the node is there.</summary>
    private void EvictForsaken(NodeId node)
    {
        var ofNode = _sessions.Values.Where(session => session.Node == node && !session.IsEnding).ToList();
        if (ofNode.Count < 2)
        {
            return;
        }

        var newest = ofNode.MaxBy(session => session.Id.Value);
        foreach (var session in ofNode.Where(session => session != newest && session.Callers.Count == 0))
        {
            session.IsEnding = true;
            Background(() => EvictSessionAsync(session, "a newer mount of its node took its place"));
        }
    }

    /// <summary>First the fence, then what the session had: its writes must not outlive its locks (SAFETY 1).</summary>
    private async Task EvictSessionAsync(Session session, string reason)
    {
        session.IsEnding = true;
        var fenced = new TaskCompletionSource();
        _fenceWaiters.Add((session.Id, fenced));
        StepLayouts(new LayoutInput.Evict(session.Id));
        if (_options.FencesBeforeItFrees)
        {
            await fenced.Task;
        }

        await EndSessionAsync(session, reason);
    }

    private void ForgetLease(SessionId session)
    {
        if (_leasesLeft.Remove(session))
        {
            Background(() => _metadata.ChangeAsync(context =>
            {
                context.Changes.Add(new StateChange.LeaseOver(session));
                return true;
            }));
        }
    }

    private async Task<VolumeReply> CloseSessionAsync(Session session, Slot slot)
    {
        StepLayouts(new LayoutInput.SessionClosed(session.Id));
        await EndSessionAsync(session, "it was closed", slot);
        return Done.Instance;
    }

    /// <param name="session">Has no layout any more.</param>
    /// <param name="reason">For its client and the log.</param>
    /// <param name="own">The slot in which the client asked for it.</param>
    private async Task EndSessionAsync(Session session, string reason, Slot? own = null)
    {
        session.IsEnding = true;

        // First: what it asked for may wait for what it alone could tell.
        await EndTailsOfAsync(session.Id);

        // What it asked for and still runs must not outlive its locks: the next one who writes there would be written over (I3).
        foreach (var slot in session.Slots)
        {
            while (_options.EndsRequestsFirst && slot != own && slot.Running is { } running)
            {
                await running;
            }
        }

        // Who ended it himself has nothing that could read any more.
        var mayRead = _layouts.MayRead(session.Id) && _options.KeepsLeasesOverTakeover;
        if (mayRead)
        {
            _leasesLeft.Add(session.Id);
        }

        await _metadata.ChangeAsync(context =>
        {
            context.Changes.Add(new StateChange.SessionGone(session.Id));
            if (mayRead)
            {
                context.Changes.Add(new StateChange.LeaseLeft(session.Id));
            }

            return true;
        });
        if (!_sessions.Remove(session.Id))
        {
            return;
        }

        StepLeases(new LeaseInput.SessionEnded(session.Id));
        StepLocks(new LockInput.ReleaseSession(session.Id));
        foreach (var file in session.Handles.Values)
        {
            Forget(file);
        }

        session.Handles.Clear();
        session.Notify(new SessionEnded(reason));
        CoordinatorLog.SessionEnded(_log, _parts.VolumeName, session.Id, session.Node, reason);
        EndGraceWhenAllReclaimed();
    }

    private async Task<VolumeReply> ReclaimHandleAsync(Session session, ReclaimHandle reclaim)
    {
        if (!InGrace || !session.IsReclaiming)
        {
            throw new VolumeException(VolumeError.ReclaimRefused, $"The time to reclaim is over for {session.Id}.");
        }

        Remember(session, reclaim.Handle, reclaim.File);
        try
        {
            await ReclaimLeftAsync(reclaim.File);
            await _metadata.ReadAsync(context => context.Attributes(reclaim.File));
        }
        catch (VolumeException gone)
        {
            Forget(session, reclaim.Handle);
            throw new VolumeException(VolumeError.ReclaimRefused, gone.Message, gone);
        }

        RequireReclaiming(session, reclaim.Handle);
        if (StepLocks(new LockInput.Reclaim(session.Id, reclaim.File, reclaim.Handle, reclaim.Locks)) is LockEffect.Refused refused)
        {
            // Locks of an earlier part go with the handle.
            StepLocks(new LockInput.ReleaseHandle(session.Id, reclaim.File, reclaim.Handle));
            Forget(session, reclaim.Handle);
            return new Refused(refused.Error, refused.Detail);
        }

        if (reclaim.Layout is { } layout && !await TryReclaimLayoutAsync(session, layout) && !session.IsEnding)
        {
            // The handle and its locks are good; what it may write is not. The session comes back with another key.
            StepLayouts(new LayoutInput.FenceSession(session.Id, $"its layout of {reclaim.File} is not what the file has"));
        }

        return Done.Instance;
    }

    private Done ReclaimCompleted(Session session)
    {
        session.IsReclaiming = false;
        if (InGrace)
        {
            StepLayouts(new LayoutInput.ReclaimCompleted(session.Id));
        }

        EndGraceWhenAllReclaimed();
        return Done.Instance;
    }

    private Task BeginHandOver()
    {
        EnterPhase(CoordinatorPhase.HandingOver, "Asked for.");
        _idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _thread.At(_thread.Now + _options.HandOverLimit, () => _idle.TrySetResult());
        NoteIdle();
        return CommitTimesAfterAsync(_idle.Task);
    }

    private async Task CommitTimesAfterAsync(Task idle)
    {
        await idle;
        await CommitTimesAsync();
        await _flushes.FlushAsync();
    }

    private void NoteIdle()
    {
        if (_serving == 0)
        {
            _idle?.TrySetResult();
        }
    }

    private void RefuseInGrace(string what)
    {
        if (InGrace && _options.RefusesInGrace)
        {
            throw new VolumeException(VolumeError.InGrace, $"{what} waits until sessions of before the takeover have reclaimed.");
        }
    }
}
