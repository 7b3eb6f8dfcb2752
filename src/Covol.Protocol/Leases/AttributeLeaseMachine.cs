using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Leases;

/// <summary>
/// Who may show attributes and names without asking. Whoever changes a file waits first until every session that may show the old has
/// let go of it, or cannot show it any more because its lease has ended: so all nodes see the same at every moment.
/// <code>
///   grant ──► kept ──recall──► let go ──┐
///               └──lease ends───────────┴──► change begins ──► change ends ──► may be granted again
/// </code>
/// Pure; one thread. A session counts its lease from when it sent a renewal, the machine from when it heard of it, which is later.
/// </summary>
public sealed class AttributeLeaseMachine
{
    /// <summary>Files of one session; beyond that it has to ask.</summary>
    public const int FilesMax = 65_536;

    // A timer may be early by what clocks are rounded by; then there was nothing to do yet, at that moment again and again.
    private static readonly TimeSpan s_afterEnd = TimeSpan.FromMilliseconds(1);

    private static readonly TimeSpan s_contendedFor = TimeSpan.FromMilliseconds(200);

    private readonly TimeSpan _length;
    private readonly bool _recalls;
    private readonly Dictionary<SessionId, Holder> _sessions = [];
    private readonly Dictionary<FileId, List<SessionId>> _holders = [];
    private readonly Dictionary<FileId, int> _changing = [];
    private readonly Dictionary<FileId, Moment> _contended = [];
    private readonly Dictionary<long, Change> _changes = [];
    private readonly List<Wait> _waits = [];
    private readonly ChangeStamps _stamps = new();
    private long _lastRecall;
    private int _ended;
    private Moment? _timer;

    /// <param name="length">How long a lease runs after a renewal. Zero: none are given.</param>
    /// <param name="before">Recalls are numbered from here on: an answer to one of an earlier coordinator answers none of these.</param>
    /// <param name="recalls">False for tests that show what a guard is for: changes wait for nobody.</param>
    public AttributeLeaseMachine(TimeSpan length, long before, bool recalls = true) =>
        (_length, _lastRecall, _recalls) = (length, before, recalls);

    /// <summary>To be read before a file is looked at, for <see cref="TryGrant"/>.</summary>
    public long Clock => _stamps.Now;

    /// <summary>Files that somebody keeps attributes or names of.</summary>
    public int Count => _holders.Count;

    /// <summary>
    /// Whether the session may keep what was read of the file after <paramref name="since"/>: not while it is being changed, nor when it
    /// was changed meanwhile, nor where several sessions change it in turn.
    /// </summary>
    public bool TryGrant(Moment now, SessionId session, FileId file, long since)
    {
        if (_length == TimeSpan.Zero
            || !_sessions.TryGetValue(session, out var holder)
            || !holder.Takes
            || holder.HasEnded
            || holder.Files.Count >= FilesMax
            || _changing.ContainsKey(file)
            || !_stamps.IsUnchangedSince(file, since)
            || (_contended.TryGetValue(file, out var until) && now < until))
        {
            return false;
        }

        if (holder.Files.Add(file))
        {
            if (!_holders.TryGetValue(file, out var holders))
            {
                _holders.Add(file, holders = []);
            }

            holders.Add(session);
        }

        return true;
    }

    /// <summary>
    /// Asked before a change ends that began at <paramref name="since"/>: no other one of the file ran beside it, so what it left there is
    /// what is there.
    /// </summary>
    public bool IsOnlyChange(FileId file, long since) =>
        _changing.GetValueOrDefault(file) == 1 && _stamps.IsUnchangedSince(file, since);

    /// <summary>What is read of the file from now on differs from what was read before, and nobody keeps anything of it.</summary>
    public void Changed(FileId file) => _stamps.Changed(file);

    public void Step(Moment now, LeaseInput input, List<LeaseEffect> effects)
    {
        ArgumentNullException.ThrowIfNull(effects);
        switch (input)
        {
            case LeaseInput.SessionJoined joined:
                Join(now, joined);
                break;
            case LeaseInput.LetGo gone:
                LetGo(gone.Session, effects);
                break;
            case LeaseInput.SessionEnded ended:
                SessionEnded(ended.Session);
                break;
            case LeaseInput.Renew renew:
                if (_sessions.TryGetValue(renew.Session, out var holder) && !holder.HasEnded)
                {
                    holder.LeaseEnds = now + _length;
                }

                break;
            case LeaseInput.Begin begin:
                Begin(now, begin, effects);
                break;
            case LeaseInput.End end:
                End(end.Ticket);
                break;
            case LeaseInput.Returned returned:
                Settle(wait => wait.Session == returned.Session && wait.Recall == returned.Recall, effects);
                break;
            case LeaseInput.TimerFired:
                _timer = null;
                break;
            default:
                throw new InvariantBrokenException($"{input?.GetType().Name} is no input.");
        }

        Settle(wait => now >= wait.Until, effects);
        ForgetEnded(now);
        SetTimer(effects);
    }

    private void Join(Moment now, LeaseInput.SessionJoined joined)
    {
        if (_sessions.TryGetValue(joined.Session, out var known))
        {
            known.Takes = joined.Takes;
            return;
        }

        _sessions.Add(
            joined.Session,
            new Holder { Takes = joined.Takes, LeaseEnds = now + _length, MayHoldUnknown = joined.MayHoldUnknown });
    }

    private void Begin(Moment now, LeaseInput.Begin begin, List<LeaseEffect> effects)
    {
        List<FileId> files = [.. begin.Named.Concat(begin.Found).Distinct()];
        var change = new Change(files);
        _changes.Add(begin.Ticket, change);
        var recalls = new Dictionary<SessionId, List<FileId>>();
        foreach (var file in files)
        {
            _changing[file] = _changing.GetValueOrDefault(file) + 1;
            if (!_recalls)
            {
                continue;
            }

            foreach (var session in _holders.TryGetValue(file, out var holders) ? holders.ToArray() : [])
            {
                if (session == begin.By && begin.Named.Contains(file))
                {
                    // It has let go of the attributes. Names that its kernel shows it has not: the next change by another recalls those.
                    continue;
                }

                if (!recalls.TryGetValue(session, out var recalled))
                {
                    recalls.Add(session, recalled = []);
                }

                recalled.Add(file);
                if (session != begin.By)
                {
                    Contended(file, now);
                }
            }
        }

        foreach (var (session, recalled) in recalls)
        {
            var holder = _sessions[session];
            var wait = new Wait(begin.Ticket, session, ++_lastRecall, recalled, holder.LeaseEnds);
            _waits.Add(wait);
            change.Waits++;
            if (!holder.HasEnded)
            {
                effects.Add(new LeaseEffect.SendRecall(session, wait.Recall, recalled));
            }
        }

        foreach (var (session, holder) in _sessions)
        {
            if (holder.MayHoldUnknown && now < holder.LeaseEnds)
            {
                _waits.Add(new Wait(begin.Ticket, session, ++_lastRecall, [], holder.LeaseEnds));
                change.Waits++;
            }
            else
            {
                holder.MayHoldUnknown = false;
            }
        }

        if (change.Waits == 0)
        {
            effects.Add(new LeaseEffect.MayChange(begin.Ticket));
        }
    }

    private void End(long ticket)
    {
        Invariant.Holds(_changes.Remove(ticket, out var change), "A change ended that had not begun.");
        Invariant.Holds(change!.Waits == 0, "A change ended while somebody could still show what was before it.");
        foreach (var file in change.Files)
        {
            var left = _changing[file] - 1;
            if (left == 0)
            {
                _changing.Remove(file);
            }
            else
            {
                _changing[file] = left;
            }

            _stamps.Changed(file);
        }
    }

    private void LetGo(SessionId session, List<LeaseEffect> effects)
    {
        if (!_sessions.TryGetValue(session, out var holder))
        {
            return;
        }

        holder.MayHoldUnknown = false;
        foreach (var file in holder.Files.ToArray())
        {
            Drop(session, file);
        }

        Settle(wait => wait.Session == session, effects);
    }

    private void SessionEnded(SessionId session)
    {
        if (_sessions.TryGetValue(session, out var holder) && !holder.HasEnded)
        {
            holder.HasEnded = true;
            _ended++;
        }
    }

    /// <summary>Sessions that are over and show nothing any more.</summary>
    private void ForgetEnded(Moment now)
    {
        if (_ended == 0)
        {
            return;
        }

        foreach (var (gone, old) in _sessions.Where(each => each.Value.HasEnded && now >= each.Value.LeaseEnds).ToArray())
        {
            _ended--;
            foreach (var file in old.Files.ToArray())
            {
                Drop(gone, file);
            }

            _sessions.Remove(gone);
        }
    }

    /// <summary>Ends waits; whoever they were for keeps nothing of what they named.</summary>
    private void Settle(Predicate<Wait> isOver, List<LeaseEffect> effects)
    {
        foreach (var wait in _waits.FindAll(isOver))
        {
            _waits.Remove(wait);
            foreach (var file in wait.Files)
            {
                Drop(wait.Session, file);
            }

            if (--_changes[wait.Ticket].Waits == 0)
            {
                effects.Add(new LeaseEffect.MayChange(wait.Ticket));
            }
        }
    }

    private void Drop(SessionId session, FileId file)
    {
        if (_sessions.TryGetValue(session, out var holder) && holder.Files.Remove(file))
        {
            var holders = _holders[file];
            holders.Remove(session);
            if (holders.Count == 0)
            {
                _holders.Remove(file);
            }
        }
    }

    private void Contended(FileId file, Moment now)
    {
        if (_contended.Count >= ChangeStamps.FilesMax)
        {
            _contended.Clear();
        }

        _contended[file] = now + s_contendedFor;
    }

    private void SetTimer(List<LeaseEffect> effects)
    {
        Moment? next = _waits.Count == 0 ? null : _waits.Min(wait => wait.Until) + s_afterEnd;
        if (_ended > 0 && _sessions.Values.Where(holder => holder.HasEnded).Min(holder => holder.LeaseEnds) + s_afterEnd is var over
            && (next is null || over < next))
        {
            next = over;
        }

        if (next != _timer)
        {
            _timer = next;
            effects.Add(new LeaseEffect.SetTimer(next));
        }
    }

    private sealed class Holder
    {
        public required bool Takes { get; set; }

        public HashSet<FileId> Files { get; } = [];

        public Moment LeaseEnds { get; set; }

        public bool MayHoldUnknown { get; set; }

        public bool HasEnded { get; set; }
    }

    private sealed class Change(IReadOnlyList<FileId> files)
    {
        public IReadOnlyList<FileId> Files => files;

        public int Waits { get; set; }
    }

    /// <param name="Ticket">The change that waits.</param>
    /// <param name="Session">For whom.</param>
    /// <param name="Recall">What it was told.</param>
    /// <param name="Files">What it has to let go.</param>
    /// <param name="Until">When its lease ends that ran when it was told; later renewals count only for what it still keeps.</param>
    private sealed record Wait(long Ticket, SessionId Session, long Recall, IReadOnlyList<FileId> Files, Moment Until);
}
