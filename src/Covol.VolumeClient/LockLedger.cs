using Covol.Protocol.Ids;
using Covol.Protocol.Locks;

namespace Covol.VolumeClient;

/// <summary>
/// The locks that this node holds on one file, as the coordinator granted them, and through which handle: what is reclaimed after
/// a takeover. An owner's newer lock replaces its older ones where they overlap, whichever handle they came through (fcntl(2)).
/// The caller holds the file's lock.
/// </summary>
internal sealed class LockLedger
{
    private readonly List<(HandleId Handle, HeldLock Lock)> _held = [];

    public int Count => _held.Count;

    public void Granted(HandleId handle, HeldLock taken)
    {
        Remove(taken.Owner, taken.Kind, taken.Range);
        if (taken.Mode != LockMode.Unlock)
        {
            _held.Add((handle, taken));
        }
    }

    public void OwnerReleased(LockOwner owner) => Remove(owner, LockKind.Range, LockRange.All);

    public void HandleClosed(HandleId handle) => _held.RemoveAll(entry => entry.Handle == handle);

    public IReadOnlyList<HeldLock> Of(HandleId handle) => [.. _held.Where(entry => entry.Handle == handle).Select(entry => entry.Lock)];

    public bool Holds(LockOwner owner, LockKind kind) => _held.Exists(entry => entry.Lock.Owner == owner && entry.Lock.Kind == kind);

    private void Remove(LockOwner owner, LockKind kind, LockRange range)
    {
        for (var index = _held.Count - 1; index >= 0; index--)
        {
            var (handle, held) = _held[index];
            if (held.Owner != owner || held.Kind != kind || !held.Range.Overlaps(range))
            {
                continue;
            }

            _held.RemoveAt(index);
            if (held.Range.First < range.First)
            {
                _held.Add((handle, held with { Range = new LockRange(held.Range.First, range.First - 1) }));
            }

            if (held.Range.Last > range.Last)
            {
                _held.Add((handle, held with { Range = new LockRange(range.Last + 1, held.Range.Last) }));
            }
        }
    }
}
