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
public sealed partial class LayoutMachine
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

    /// <summary>Whether somebody may write the file by itself.</summary>
    public bool HasWriter(FileId file) =>
        _files.TryGetValue(file, out var grants) && grants.Exists(grant => grant.Access == LayoutAccess.ReadWrite);

    /// <summary>Whether anybody may do I/O inside the file by himself, or may still read where it lay: a recall would have to wait.</summary>
    public bool MayBeHeld(FileId file) => _files.ContainsKey(file) || _sessions.Values.Any(holder => holder.MayHoldUnknown);

    /// <summary>
    /// What the session may do inside the file by itself under this grant. Null: it may not, or it is about to be told to stop.
    /// </summary>
    public LayoutAccess? Standing(SessionId session, FileId file, LayoutGeneration generation) =>
        _sessions.TryGetValue(session, out var holder) && holder.Fence == Fence.None
        && !_recalls.Exists(recall => recall.File == file)
        && _files.TryGetValue(file, out var grants)
            ? grants.Find(grant => grant.Session == session && grant.Generation == generation)?.Access
            : null;

    public void Step(Moment now, LayoutInput input, List<LayoutEffect> effects)
    {
        ArgumentNullException.ThrowIfNull(effects);
        switch (input)
        {
            case LayoutInput.SessionJoined joined:
                Join(now, joined);
                break;
            case LayoutInput.LeaseLeft left:
                _sessions.Add(left.Session, new Holder(default, now + _times.Lease)
                {
                    Fence = Fence.Done,
                    Evicted = true,
                    MayHoldUnknown = true,
                });
                break;
            case LayoutInput.Renew renew:
                effects.Add(new LayoutEffect.LeaseRenewed(TryRenew(now, renew.Session)));
                break;
            case LayoutInput.SessionClosed closed:
                Close(closed.Session, effects);
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
}
