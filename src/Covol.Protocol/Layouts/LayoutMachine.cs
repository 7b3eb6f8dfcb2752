using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Layouts;

/// <summary>
/// Which session may do I/O inside which file by itself, and how that ends. Pure and single-threaded.
/// </summary>
/// <remarks>
/// <code>
///             Ask                     Recall                      deadline
///   (none) ─────────► granted ─────────────────► recalled ─────────────────► fencing ──FenceCompleted──► fenced
///      ▲                 │ Return                    │ Return                                               │ lease ended
///      └─────────────────┴───────────────────────────┴──────────────────────────────────────────────────────┘
/// </code>
/// A fence takes the key, and with it every layout of the session. A fenced session can write no more, which is enough for a
/// recall of
/// <see cref="RecallScope.Writes"/>; it can still read until its lease ends, so <see cref="RecallScope.All"/> (clusters get
/// another owner) waits for that too (SAFETY 7). The lease alone ends nothing: a silent session's writes may still be on their
/// way.
/// </remarks>
public sealed class LayoutMachine
{
    /// <summary>Layouts that one session may hold; asking for more is answered "later".</summary>
    public const int LayoutsPerSessionMax = 65_536;

    /// <summary>Files whose conflicts are remembered.</summary>
    private const int HotFilesMax = 4_096;

    private readonly LayoutTimes _times;
    private readonly Dictionary<SessionId, Holder> _sessions = [];
    private readonly Dictionary<FileId, List<Grant>> _files = [];
    private readonly List<PendingRecall> _recalls = [];
    private readonly Dictionary<FileId, Heat> _hot = [];
    private long _lastGeneration;
    private Moment? _timer;

    /// <param name="times">Leases and deadlines.</param>
    /// <param name="firstGeneration">Generations are larger than this; a coordinator passes what no earlier one has used.</param>
    public LayoutMachine(LayoutTimes times, long firstGeneration)
    {
        _times = times;
        _lastGeneration = firstGeneration;
    }

    /// <summary>Layouts granted and not returned.</summary>
    public int Count => _files.Values.Sum(grants => grants.Count);

    public void Step(Moment now, LayoutInput input, List<LayoutEffect> effects)
    {
        ArgumentNullException.ThrowIfNull(effects);
        switch (input)
        {
            case LayoutInput.SessionJoined joined:
                Join(now, joined);
                break;
            case LayoutInput.Renew renew:
                effects.Add(new LayoutEffect.LeaseRenewed(TryRenew(now, renew.Session)));
                break;
            case LayoutInput.SessionClosed closed:
                Drop(closed.Session);
                _sessions.Remove(closed.Session);
                break;
            case LayoutInput.Evict evict:
                Evict(now, evict.Session, effects);
                break;
            case LayoutInput.FenceSession fence:
                FenceSession(fence, effects);
                break;
            case LayoutInput.Ask ask:
                effects.Add(Ask(now, ask));
                break;
            case LayoutInput.Return returned:
                Return(returned);
                break;
            case LayoutInput.Reclaim reclaim:
                effects.Add(Reclaim(reclaim));
                break;
            case LayoutInput.ReclaimCompleted completed:
                if (_sessions.TryGetValue(completed.Session, out var complete) && complete.Fence == Fence.None)
                {
                    complete.MayHoldUnknown = false;
                }

                break;
            case LayoutInput.GraceEnded:
                foreach (var (session, holder) in _sessions)
                {
                    if (holder.MayHoldUnknown)
                    {
                        StartFence(session, holder, "it did not reclaim in time", effects);
                    }
                }

                break;
            case LayoutInput.Recall recall:
                Recall(now, recall);
                break;
            case LayoutInput.FenceCompleted fenced:
                FenceCompleted(fenced, effects);
                break;
            case LayoutInput.FenceFailed failed:
                if (Fencing(failed.Session, failed.DataKey) is { } retry)
                {
                    retry.FenceRetryAt = now + _times.FenceRetry;
                }

                break;
            case LayoutInput.TimerFired:
                break;
            default:
                throw new InvariantBrokenException($"The layout machine does not know {input?.GetType().Name}.");
        }

        Advance(now, effects);
        SetTimer(effects);
    }

    private void Join(Moment now, LayoutInput.SessionJoined joined)
    {
        if (_sessions.TryGetValue(joined.Session, out var holder))
        {
            if (holder.DataKey == joined.DataKey)
            {
                return;
            }

            // Only a drained key may be followed by another: the driver asks with IsFenced first.
            Invariant.Holds(holder.Fence == Fence.Done, $"{joined.Session} took a new data key while its old one could still write.");

            // Reads of the old life may run until its lease ends, so what it held stays until then.
            holder.DataKey = joined.DataKey;
            holder.Rejoined = true;
            return;
        }

        _sessions.Add(joined.Session, new Holder(joined.DataKey, now + _times.Lease) { MayHoldUnknown = joined.MayHoldUnknown });
    }

    /// <summary>Whether the session's present key is fenced: it must come back with another one.</summary>
    public bool IsFenced(SessionId session) => _sessions.TryGetValue(session, out var holder) && holder.Fence == Fence.Done;

    private bool TryRenew(Moment now, SessionId session)
    {
        if (!_sessions.TryGetValue(session, out var holder) || holder.Fence != Fence.None)
        {
            return false;
        }

        holder.LeaseEnds = now + _times.Lease;
        return true;
    }

    private void Evict(Moment now, SessionId session, List<LayoutEffect> effects)
    {
        if (!_sessions.TryGetValue(session, out var holder))
        {
            effects.Add(new LayoutEffect.SessionFenced(session, Evicted: true));
            return;
        }

        holder.Evicted = true;
        if (holder.Fence == Fence.Done)
        {
            effects.Add(new LayoutEffect.SessionFenced(session, Evicted: true));
        }
        else
        {
            StartFence(session, holder, "its node was evicted", effects);
        }

        Expire(now, effects);
    }

    private void FenceSession(LayoutInput.FenceSession fence, List<LayoutEffect> effects)
    {
        if (!_sessions.TryGetValue(fence.Session, out var holder) || holder.Fence == Fence.Done)
        {
            effects.Add(new LayoutEffect.SessionFenced(fence.Session, Evicted: false));
            return;
        }

        StartFence(fence.Session, holder, fence.Reason, effects);
    }

    private LayoutEffect Ask(Moment now, LayoutInput.Ask ask)
    {
        if (!_sessions.TryGetValue(ask.Session, out var holder) || holder.Fence != Fence.None)
        {
            return new LayoutEffect.Denied(_times.AskAgain, "The session's data key is fenced.");
        }

        if (_recalls.Exists(recall => recall.File == ask.File))
        {
            return new LayoutEffect.Denied(_times.AskAgain, "The file's layouts are being recalled.");
        }

        if (ask.Access == LayoutAccess.ReadWrite && _hot.TryGetValue(ask.File, out var heat) && now < heat.RedirectedUntil)
        {
            return new LayoutEffect.Denied(heat.RedirectedUntil - now, "Parts of its blocks are written from several places.");
        }

        var grants = Grants(ask.File);
        grants.RemoveAll(grant => grant.Session == ask.Session);
        if (holder.Files.Count >= LayoutsPerSessionMax && !holder.Files.Contains(ask.File))
        {
            Forget(ask.File);
            return new LayoutEffect.Denied(_times.Lease, $"The session holds {LayoutsPerSessionMax} layouts already.");
        }

        _lastGeneration++;
        var generation = new LayoutGeneration(_lastGeneration);
        grants.Add(new Grant(ask.Session, generation, ask.Access));
        holder.Files.Add(ask.File);
        return new LayoutEffect.Granted(generation);
    }

    private LayoutEffect Reclaim(LayoutInput.Reclaim reclaim)
    {
        if (!_sessions.TryGetValue(reclaim.Session, out var holder) || holder.Fence != Fence.None || !holder.MayHoldUnknown)
        {
            return new LayoutEffect.Denied(_times.AskAgain, "The time to reclaim layouts is over for this session.");
        }

        if (reclaim.Generation.Value > _lastGeneration)
        {
            return new LayoutEffect.Denied(_times.AskAgain, "No coordinator granted this layout.");
        }

        var grants = Grants(reclaim.File);
        grants.RemoveAll(grant => grant.Session == reclaim.Session);
        grants.Add(new Grant(reclaim.Session, reclaim.Generation, reclaim.Access));
        holder.Files.Add(reclaim.File);
        return new LayoutEffect.Granted(reclaim.Generation);
    }

    private void Return(LayoutInput.Return returned)
    {
        if (!_sessions.TryGetValue(returned.Session, out var holder) || !_files.TryGetValue(returned.File, out var grants))
        {
            return;
        }

        // An older generation's return says nothing about the newer grant.
        if (grants.RemoveAll(grant => grant.Session == returned.Session && grant.Generation == returned.Generation) > 0)
        {
            holder.Files.Remove(returned.File);
            Forget(returned.File);
        }
    }

    private void Recall(Moment now, LayoutInput.Recall recall)
    {
        var pending = new PendingRecall(recall.File, recall.Scope, recall.Ticket, now + _times.RecallDeadline, now);
        _recalls.Add(pending);
        if (recall.Scope == RecallScope.Writes)
        {
            NoteConflict(now, recall.File, hadToRecall: Outstanding(pending).Any());
        }
    }

    private void NoteConflict(Moment now, FileId file, bool hadToRecall)
    {
        if (_hot.TryGetValue(file, out var heat))
        {
            if (now < heat.RedirectedUntil)
            {
                heat.RedirectedUntil = now + _times.HotFor;
                return;
            }

            if (now > heat.Since + _times.HotWindow)
            {
                heat.Since = now;
                heat.Conflicts = 0;
            }
        }

        if (!hadToRecall)
        {
            return;
        }

        if (heat is null)
        {
            if (_hot.Count >= HotFilesMax)
            {
                foreach (var cold in _hot.Where(entry => now > entry.Value.Since + _times.HotWindow).Select(entry => entry.Key).ToList())
                {
                    _hot.Remove(cold);
                }

                if (_hot.Count >= HotFilesMax)
                {
                    return;
                }
            }

            _hot.Add(file, heat = new Heat(now));
        }

        heat.Conflicts++;
        if (heat.Conflicts >= _times.HotConflicts)
        {
            heat.RedirectedUntil = now + _times.HotFor;
        }
    }

    private void FenceCompleted(LayoutInput.FenceCompleted fenced, List<LayoutEffect> effects)
    {
        if (Fencing(fenced.Session, fenced.DataKey) is not { } holder)
        {
            return;
        }

        holder.Fence = Fence.Done;
        holder.FenceRetryAt = null;
        effects.Add(new LayoutEffect.SessionFenced(fenced.Session, holder.Evicted));
    }

    private Holder? Fencing(SessionId session, ReservationKey key) =>
        _sessions.TryGetValue(session, out var holder) && holder.DataKey == key && holder.Fence == Fence.Running ? holder : null;

    private static void StartFence(SessionId session, Holder holder, string reason, List<LayoutEffect> effects)
    {
        if (holder.Fence == Fence.None)
        {
            holder.Fence = Fence.Running;
            holder.FenceReason = reason;
            effects.Add(new LayoutEffect.StartFence(session, holder.DataKey, reason));
        }
    }

    /// <summary>
    /// What the passing of time does: notices again, deadlines, leases, fences to retry; then which recalls are over.
    /// </summary>
    private void Advance(Moment now, List<LayoutEffect> effects)
    {
        Expire(now, effects);
        for (var index = 0; index < _recalls.Count;)
        {
            var recall = _recalls[index];
            var outstanding = Outstanding(recall).ToList();
            if (outstanding.Count == 0)
            {
                _recalls.RemoveAt(index);
                effects.Add(new LayoutEffect.RecallCompleted(recall.File, recall.Ticket));
                continue;
            }

            index++;
            if (now >= recall.Deadline)
            {
                recall.DeadlinePassed = true;
                foreach (var (session, holder, grant) in outstanding)
                {
                    // Who has not reclaimed yet has until the end of grace.
                    if (grant is not null)
                    {
                        StartFence(session, holder, $"it did not return its layout of {recall.File} in time", effects);
                    }
                }
            }
            else if (now >= recall.NextNotice)
            {
                recall.NextNotice = now + _times.RecallResend;
                foreach (var (session, holder, grant) in outstanding)
                {
                    if (grant is not null && holder.Fence == Fence.None)
                    {
                        effects.Add(new LayoutEffect.SendRecall(session, recall.File, grant.Generation));
                    }
                }
            }
        }
    }

    private void Expire(Moment now, List<LayoutEffect> effects)
    {
        List<SessionId>? gone = null;
        foreach (var (session, holder) in _sessions)
        {
            if (holder.FenceRetryAt is { } retryAt && now >= retryAt)
            {
                holder.FenceRetryAt = null;
                effects.Add(new LayoutEffect.StartFence(session, holder.DataKey, holder.FenceReason));
            }

            if (holder.Fence == Fence.Done && now >= holder.LeaseEnds)
            {
                (gone ??= []).Add(session);
            }
        }

        foreach (var session in gone ?? [])
        {
            var holder = _sessions[session];
            Drop(session);
            if (holder.Evicted)
            {
                _sessions.Remove(session);
            }
            else if (holder.Rejoined)
            {
                _sessions[session] = new Holder(holder.DataKey, now + _times.Lease);
            }
        }
    }

    /// <summary>Who stands in the way of a recall, and with which grant (null: it may hold one that is not known).</summary>
    private IEnumerable<(SessionId Session, Holder Holder, Grant? Grant)> Outstanding(PendingRecall recall)
    {
        if (_files.TryGetValue(recall.File, out var grants))
        {
            foreach (var grant in grants)
            {
                var holder = _sessions[grant.Session];
                var inScope = recall.Scope == RecallScope.All || grant.Access == LayoutAccess.ReadWrite;
                if (inScope && StandsInTheWay(holder, recall.Scope))
                {
                    yield return (grant.Session, holder, grant);
                }
            }
        }

        foreach (var (session, holder) in _sessions)
        {
            if (holder.MayHoldUnknown && StandsInTheWay(holder, recall.Scope))
            {
                yield return (session, holder, null);
            }
        }
    }

    private static bool StandsInTheWay(Holder holder, RecallScope scope) => holder.Fence != Fence.Done || scope == RecallScope.All;

    private List<Grant> Grants(FileId file)
    {
        if (!_files.TryGetValue(file, out var grants))
        {
            _files.Add(file, grants = []);
        }

        return grants;
    }

    private void Drop(SessionId session)
    {
        if (!_sessions.TryGetValue(session, out var holder))
        {
            return;
        }

        foreach (var file in holder.Files)
        {
            _files[file].RemoveAll(grant => grant.Session == session);
            Forget(file);
        }

        holder.Files.Clear();
        holder.MayHoldUnknown = false;
    }

    private void Forget(FileId file)
    {
        if (_files.TryGetValue(file, out var grants) && grants.Count == 0)
        {
            _files.Remove(file);
        }
    }

    private void SetTimer(List<LayoutEffect> effects)
    {
        Moment? next = null;
        foreach (var recall in _recalls)
        {
            // Past the deadline only fences and leases are waited for; both have their own times.
            if (!recall.DeadlinePassed)
            {
                Earlier(ref next, recall.NextNotice < recall.Deadline ? recall.NextNotice : recall.Deadline);
            }
        }

        foreach (var holder in _sessions.Values)
        {
            if (holder.FenceRetryAt is { } retryAt)
            {
                Earlier(ref next, retryAt);
            }

            if (holder.Fence == Fence.Done && (holder.Files.Count > 0 || holder.MayHoldUnknown || holder.Evicted || holder.Rejoined))
            {
                Earlier(ref next, holder.LeaseEnds);
            }
        }

        if (next != _timer)
        {
            _timer = next;
            effects.Add(new LayoutEffect.SetTimer(next));
        }
    }

    private static void Earlier(ref Moment? next, Moment candidate)
    {
        if (next is null || candidate < next)
        {
            next = candidate;
        }
    }

    private enum Fence
    {
        None,
        Running,
        Done,
    }

    private sealed class Holder(ReservationKey dataKey, Moment leaseEnds)
    {
        public ReservationKey DataKey { get; set; } = dataKey;

        public Moment LeaseEnds { get; set; } = leaseEnds;

        public Fence Fence { get; set; }

        public string FenceReason { get; set; } = "";

        public Moment? FenceRetryAt { get; set; }

        public bool MayHoldUnknown { get; set; }

        public bool Evicted { get; set; }

        /// <summary>It has a new key already, but the old life's lease still runs.</summary>
        public bool Rejoined { get; set; }

        public HashSet<FileId> Files { get; } = [];
    }

    private sealed record Grant(SessionId Session, LayoutGeneration Generation, LayoutAccess Access);

    private sealed class PendingRecall(FileId file, RecallScope scope, long ticket, Moment deadline, Moment nextNotice)
    {
        public FileId File { get; } = file;

        public RecallScope Scope { get; } = scope;

        public long Ticket { get; } = ticket;

        public Moment Deadline { get; } = deadline;

        public Moment NextNotice { get; set; } = nextNotice;

        public bool DeadlinePassed { get; set; }
    }

    private sealed class Heat(Moment since)
    {
        public Moment Since { get; set; } = since;

        public int Conflicts { get; set; }

        public Moment RedirectedUntil { get; set; } = since;
    }
}
