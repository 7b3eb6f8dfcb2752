using Covol.Protocol.Ids;

namespace Covol.Protocol.Locks;

/// <summary>The locks and waiters of one file. Ranges of one holder and kind never overlap; equal neighbours are one.</summary>
internal sealed class FileLocks
{
    private readonly List<Held> _held = [];

    /// <summary>In order of arrival.</summary>
    public List<Waiter> Waiters { get; } = [];

    public int HeldCount => _held.Count;

    public bool IsEmpty => _held.Count == 0 && Waiters.Count == 0;

    public bool HasLocksOf(SessionId session, HandleId handle) =>
        _held.Exists(held => held.Holder.Session == session && held.Handle == handle);

    /// <summary>The conflicting lock with the lowest first byte, or null.</summary>
    public Held? Conflict(LockHolder holder, LockKind kind, LockMode mode, LockRange range)
    {
        Held? first = null;
        foreach (var held in _held)
        {
            if (Conflicts(held, holder, kind, mode, range) && (first is null || held.Range.First < first.Range.First))
            {
                first = held;
            }
        }

        return first;
    }

    public IEnumerable<LockHolder> Blockers(LockHolder holder, LockKind kind, LockMode mode, LockRange range) =>
        _held.Where(held => Conflicts(held, holder, kind, mode, range)).Select(held => held.Holder).Distinct();

    /// <summary>
    /// Puts a lock in place of whatever its holder has in the range (POSIX: a holder's new lock replaces its old ones byte by
    /// byte,
    /// which may cut an old one in two).
    /// </summary>
    public void Put(LockHolder holder, HandleId handle, HeldLock wanted)
    {
        Clear(holder, wanted.Kind, wanted.Range);
        if (wanted.Mode == LockMode.Unlock)
        {
            return;
        }

        var range = wanted.Range;
        for (var index = _held.Count - 1; index >= 0; index--)
        {
            var held = _held[index];
            if (held.Holder == holder && held.Kind == wanted.Kind && held.Mode == wanted.Mode && held.Handle == handle
                && Touch(held.Range, range))
            {
                range = new LockRange(Math.Min(held.Range.First, range.First), Math.Max(held.Range.Last, range.Last));
                _held.RemoveAt(index);
            }
        }

        _held.Add(new Held(holder, handle, wanted.ProcessId, wanted.Kind, wanted.Mode, range));
    }

    public bool RemoveWhere(Predicate<Held> goes) => _held.RemoveAll(goes) > 0;

    private static bool Touch(LockRange left, LockRange right) =>
        left.Overlaps(right)
        || (left.Last != long.MaxValue && left.Last + 1 == right.First)
        || (right.Last != long.MaxValue && right.Last + 1 == left.First);

    private static bool Conflicts(Held held, LockHolder holder, LockKind kind, LockMode mode, LockRange range) =>
        held.Kind == kind && held.Holder != holder && held.Range.Overlaps(range)
        && (held.Mode == LockMode.Exclusive || mode == LockMode.Exclusive);

    private void Clear(LockHolder holder, LockKind kind, LockRange range)
    {
        for (var index = _held.Count - 1; index >= 0; index--)
        {
            var held = _held[index];
            if (held.Holder != holder || held.Kind != kind || !held.Range.Overlaps(range))
            {
                continue;
            }

            _held.RemoveAt(index);
            if (held.Range.First < range.First)
            {
                _held.Add(held with { Range = new LockRange(held.Range.First, range.First - 1) });
            }

            if (held.Range.Last > range.Last)
            {
                _held.Add(held with { Range = new LockRange(range.Last + 1, held.Range.Last) });
            }
        }
    }

    internal sealed record Held(LockHolder Holder, HandleId Handle, int ProcessId, LockKind Kind, LockMode Mode, LockRange Range)
    {
        public HeldLock ToHeldLock() => new(Holder.Owner, ProcessId, Kind, Mode, Range);
    }

    internal sealed record Waiter(long Ticket, LockHolder Holder, HandleId Handle, HeldLock Wanted);
}
