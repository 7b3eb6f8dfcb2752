using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Protocol.Locks;

/// <summary>
/// The cluster-wide locks of one volume: byte ranges (POSIX and OFD locks share one space, as on a local file system) and flock.
/// Pure and single-threaded. A holder is (session, owner); every lock also remembers the handle it was taken through.
/// </summary>
/// <remarks>
/// A new request is checked against held locks only, as Linux does: a waiting writer does not keep new readers out, because
/// queueing behind waiters would make deadlocks that programs do not expect. Waiters of one file are served in order of arrival.
/// <code>
///   Set ──no conflict──► held ◄──────────────┐ a release lets it in: Resolved(null)
///    │ conflict                              │
///    ├─ no wait ─► Refused(LockConflict)   queued ──Cancel/handle or session gone──► Resolved(Interrupted)
///    └─ wait ──────no cycle of waiters───────┘
///                  └ cycle ─► Refused(Deadlock)
/// </code>
/// </remarks>
public sealed class LockMachine
{
    /// <summary>Locks on one file, of all holders. A program that takes more has lost count.</summary>
    public const int LocksPerFileMax = 16_384;

    /// <summary>Waiters on one file; one a slot of a few sessions.</summary>
    public const int WaitersPerFileMax = 4_096;

    /// <summary>How many waiting holders the search for a deadlock visits before it gives up and lets the request wait.</summary>
    private const int DeadlockVisitsMax = 4_096;

    private readonly Dictionary<FileId, FileLocks> _files = [];
    private long _lastTicket;

    /// <param name="firstTicket">Tickets are larger than this; a coordinator passes what no earlier one has used.</param>
    public LockMachine(long firstTicket) => _lastTicket = firstTicket;

    /// <summary>Locks held on the volume.</summary>
    public int Count => _files.Values.Sum(file => file.HeldCount);

    public bool HoldsAny(SessionId session, FileId file, HandleId handle) =>
        _files.TryGetValue(file, out var locks) && locks.HasLocksOf(session, handle);

    public void Step(LockInput input, List<LockEffect> effects)
    {
        ArgumentNullException.ThrowIfNull(effects);
        switch (input)
        {
            case LockInput.Test test:
                effects.Add(Test(test));
                break;
            case LockInput.Set set:
                Set(set, effects);
                break;
            case LockInput.Reclaim reclaim:
                effects.Add(Reclaim(reclaim));
                break;
            case LockInput.Cancel cancel:
                Cancel(cancel, effects);
                break;
            case LockInput.ReleaseOwner release:
                var released = new LockHolder(release.Session, release.Owner);
                Release(release.File, held => held.Holder == released && held.Kind == LockKind.Range, _ => false, effects);
                break;
            case LockInput.ReleaseHandle release:
                Release(
                    release.File,
                    held => held.Holder.Session == release.Session && held.Handle == release.Handle,
                    waiter => waiter.Holder.Session == release.Session && waiter.Handle == release.Handle,
                    effects);
                break;
            case LockInput.ReleaseSession release:
                foreach (var file in _files.Keys.ToList())
                {
                    Release(
                        file,
                        held => held.Holder.Session == release.Session,
                        waiter => waiter.Holder.Session == release.Session,
                        effects);
                }

                break;
            default:
                throw new InvariantBrokenException($"The lock machine does not know {input?.GetType().Name}.");
        }
    }

    private LockEffect.Tested Test(LockInput.Test test)
    {
        if (!_files.TryGetValue(test.File, out var locks))
        {
            return new LockEffect.Tested(null);
        }

        var conflict = locks.Conflict(new LockHolder(test.Session, test.Owner), test.Kind, test.Mode, test.Range);
        return new LockEffect.Tested(conflict?.ToHeldLock());
    }

    private void Set(LockInput.Set set, List<LockEffect> effects)
    {
        var holder = new LockHolder(set.Session, set.Lock.Owner);
        var wanted = set.Lock;
        if (wanted.Range.First < 0 || wanted.Range.Last < wanted.Range.First)
        {
            effects.Add(new LockEffect.Refused(VolumeError.InvalidArgument, "A lock's range ends before it begins."));
            return;
        }

        if (!_files.TryGetValue(set.File, out var locks))
        {
            if (wanted.Mode == LockMode.Unlock)
            {
                effects.Add(new LockEffect.Taken());
                return;
            }

            _files.Add(set.File, locks = new FileLocks());
        }

        if (wanted.Mode == LockMode.Unlock)
        {
            locks.Put(holder, set.Handle, wanted);
            effects.Add(new LockEffect.Taken());
            ServeWaiters(set.File, locks, effects);
            return;
        }

        // flock(2) gives the old lock up before it asks for one of the other mode, also when that one is then refused.
        var gaveUp = wanted.Kind == LockKind.Flock
            && locks.RemoveWhere(held => held.Holder == holder && held.Kind == LockKind.Flock && held.Mode != wanted.Mode);

        effects.Add(Take(set, holder, locks));
        if (gaveUp || wanted.Mode == LockMode.Shared)
        {
            // A holder that went from exclusive to shared may have let somebody in.
            ServeWaiters(set.File, locks, effects);
        }

        Forget(set.File, locks);
    }

    private LockEffect Take(LockInput.Set set, LockHolder holder, FileLocks locks)
    {
        var wanted = set.Lock;
        if (locks.Conflict(holder, wanted.Kind, wanted.Mode, wanted.Range) is not { } conflict)
        {
            if (locks.HeldCount >= LocksPerFileMax)
            {
                return new LockEffect.Refused(VolumeError.Busy, $"{set.File} has {LocksPerFileMax} locks already.");
            }

            locks.Put(holder, set.Handle, wanted);
            return new LockEffect.Taken();
        }

        if (!set.Wait)
        {
            return new LockEffect.Refused(
                VolumeError.LockConflict, $"{conflict.Holder.Session} holds {conflict.Range.First} to {conflict.Range.Last}.");
        }

        if (wanted.Kind == LockKind.Range && WouldDeadlock(holder, set.File, wanted))
        {
            return new LockEffect.Refused(VolumeError.Deadlock, "The lock's holder waits for this owner.");
        }

        if (locks.Waiters.Count >= WaitersPerFileMax)
        {
            return new LockEffect.Refused(VolumeError.Busy, $"{WaitersPerFileMax} requests wait for locks of {set.File} already.");
        }

        _lastTicket++;
        locks.Waiters.Add(new FileLocks.Waiter(_lastTicket, holder, set.Handle, wanted));
        return new LockEffect.Queued(_lastTicket);
    }

    private LockEffect Reclaim(LockInput.Reclaim reclaim)
    {
        if (reclaim.Locks.Count == 0)
        {
            return new LockEffect.Taken();
        }

        if (!_files.TryGetValue(reclaim.File, out var locks))
        {
            _files.Add(reclaim.File, locks = new FileLocks());
        }

        foreach (var wanted in reclaim.Locks)
        {
            var holder = new LockHolder(reclaim.Session, wanted.Owner);
            if (wanted.Mode == LockMode.Unlock || locks.Conflict(holder, wanted.Kind, wanted.Mode, wanted.Range) is not null)
            {
                Forget(reclaim.File, locks);
                return new LockEffect.Refused(VolumeError.ReclaimRefused, "Another session holds a lock that is reclaimed.");
            }
        }

        foreach (var wanted in reclaim.Locks)
        {
            // Counted after each: what was reclaimed before, by a part whose answer was lost, is put in its own place.
            locks.Put(new LockHolder(reclaim.Session, wanted.Owner), reclaim.Handle, wanted);
            if (locks.HeldCount > LocksPerFileMax)
            {
                return new LockEffect.Refused(VolumeError.ReclaimRefused, $"{reclaim.File} would have too many locks.");
            }
        }

        return new LockEffect.Taken();
    }

    private void Cancel(LockInput.Cancel cancel, List<LockEffect> effects)
    {
        if (!_files.TryGetValue(cancel.File, out var locks))
        {
            return;
        }

        var index = locks.Waiters.FindIndex(waiter => waiter.Ticket == cancel.Ticket && waiter.Holder.Session == cancel.Session);
        if (index >= 0)
        {
            locks.Waiters.RemoveAt(index);
            effects.Add(new LockEffect.Resolved(cancel.Session, cancel.File, cancel.Ticket, VolumeError.Interrupted));
            Forget(cancel.File, locks);
        }
    }

    private void Release(
        FileId file, Predicate<FileLocks.Held> lockGoes, Predicate<FileLocks.Waiter> waiterGoes, List<LockEffect> effects)
    {
        if (!_files.TryGetValue(file, out var locks))
        {
            return;
        }

        for (var index = 0; index < locks.Waiters.Count;)
        {
            var waiter = locks.Waiters[index];
            if (!waiterGoes(waiter))
            {
                index++;
                continue;
            }

            locks.Waiters.RemoveAt(index);
            effects.Add(new LockEffect.Resolved(waiter.Holder.Session, file, waiter.Ticket, VolumeError.Interrupted));
        }

        if (locks.RemoveWhere(lockGoes))
        {
            ServeWaiters(file, locks, effects);
        }

        Forget(file, locks);
    }

    private void ServeWaiters(FileId file, FileLocks locks, List<LockEffect> effects)
    {
        for (var index = 0; index < locks.Waiters.Count;)
        {
            var waiter = locks.Waiters[index];
            if (locks.Conflict(waiter.Holder, waiter.Wanted.Kind, waiter.Wanted.Mode, waiter.Wanted.Range) is not null)
            {
                index++;
                continue;
            }

            locks.Waiters.RemoveAt(index);
            locks.Put(waiter.Holder, waiter.Handle, waiter.Wanted);
            effects.Add(new LockEffect.Resolved(waiter.Holder.Session, file, waiter.Ticket, null));

            // What was granted may have been a downgrade that lets an earlier waiter in.
            index = waiter.Wanted.Mode == LockMode.Shared ? 0 : index;
        }

        Forget(file, locks);
    }

    /// <summary>Whether some holder in the way waits, directly or through others, for the one that asks.</summary>
    private bool WouldDeadlock(LockHolder asking, FileId file, HeldLock wanted)
    {
        var visited = new HashSet<LockHolder>();
        var open = new Queue<LockHolder>(_files[file].Blockers(asking, wanted.Kind, wanted.Mode, wanted.Range));
        while (open.TryDequeue(out var holder) && visited.Count < DeadlockVisitsMax)
        {
            if (holder == asking)
            {
                return true;
            }

            if (!visited.Add(holder))
            {
                continue;
            }

            foreach (var locks in _files.Values)
            {
                foreach (var waiter in locks.Waiters)
                {
                    if (waiter.Holder == holder && waiter.Wanted.Kind == LockKind.Range)
                    {
                        var blockers = locks.Blockers(holder, LockKind.Range, waiter.Wanted.Mode, waiter.Wanted.Range);
                        foreach (var blocker in blockers)
                        {
                            open.Enqueue(blocker);
                        }
                    }
                }
            }
        }

        return false;
    }

    private void Forget(FileId file, FileLocks locks)
    {
        if (locks.IsEmpty)
        {
            _files.Remove(file);
        }
    }
}
