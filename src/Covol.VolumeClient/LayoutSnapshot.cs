using Covol.Protocol;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;

namespace Covol.VolumeClient;

/// <summary>
/// One grant, as the data path reads it. Published by one volatile reference a file. Who uses it for I/O pins it from
/// before the submission until after the completion; a recall closes it, waits until nobody pins it and returns it. Pins are an
/// interlocked counter of this object, so files share nothing. Nothing of it changes but that more places may be told under the same grant: a
/// longer tail, holes that were filled, more of a file in very many pieces.
/// </summary>
public sealed class LayoutSnapshot
{
    private const int Closed = int.MinValue;

    private readonly int _blockSize;
    private readonly LeaseClock _lease;
    private readonly long _leaseLife;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Held while other places are told; never by the data path.</summary>
    private readonly Lock _telling = new();

    private FileExtent[] _extents;
    private Layout _layout;

    // The highest bit: closed. The others: how many pin it.
    private int _pins;

    /// <param name="layout">As granted.</param>
    /// <param name="blockSize">The LUN's, in bytes.</param>
    /// <param name="lease">The session's.</param>
    /// <param name="leaseLife">The lease's <see cref="LeaseClock.Life"/> before the grant was asked for.</param>
    public LayoutSnapshot(Layout layout, int blockSize, LeaseClock lease, long leaseLife)
    {
        Invariant.Holds(int.IsPow2(blockSize), "A block size is a power of two.");
        _layout = layout;
        _blockSize = blockSize;
        _lease = lease;
        _leaseLife = leaseLife;
        _extents = [.. layout.Extents];

        var expected = FileByteOffset.Zero;
        foreach (var extent in _extents)
        {
            Invariant.Holds(extent.FileStart >= expected, "A layout is not sorted.");
            HasHoles |= extent.FileStart > expected;
            Invariant.Holds(extent.Length.Value > 0 && extent.LunStart.Value >= 0, "A layout holds an empty or negative extent.");
            Invariant.Holds(
                ((extent.FileStart.Value | extent.LunStart.Value | extent.Length.Value) & (blockSize - 1)) == 0,
                "A layout's extent is not aligned to the LUN's blocks.");
            expected = extent.FileEnd;
        }

        HasHoles |= layout.IsPart || expected.Value < layout.ValidLength.Value;
        Invariant.Holds(
            !layout.HasTail || (!HasHoles && expected >= layout.TailEnd), "A layout's extents end before what it gives.");
        Tail = layout is { HasTail: true, Access: LayoutAccess.ReadWrite } ? new TailWrites(layout, blockSize) : null;
        WriteEnd = layout.Access == LayoutAccess.ReadWrite ? layout.ValidLength.Value & -(long)blockSize : 0;
    }

    public Layout Layout => Volatile.Read(ref _layout);

    /// <summary>Some valid data had no place when it was granted: the coordinator serves it, fills it when it is written, or tells more.</summary>
    internal bool HasHoles { get; }

    /// <summary>What was written behind valid length; null: nothing may be.</summary>
    internal TailWrites? Tail { get; }

    /// <summary>Direct writes of valid data end here: valid length rounded down to whole blocks; 0 without write access.</summary>
    public long WriteEnd { get; }

    /// <summary>
    /// The session's lease has run since before the grant, without a break. Checked before I/O starts and, for reads, again before
    /// its reply. False once means false for ever.
    /// </summary>
    public bool IsLeaseRunning => _lease.IsRunningSince(_leaseLife);

    /// <summary>The lease has begun anew since the grant; this is worth nothing any more.</summary>
    internal bool IsOfOldLease => _lease.Life != _leaseLife;

    /// <summary>It was taken off the data path: recalled, given back, or the node was fenced.</summary>
    internal bool IsClosed => Volatile.Read(ref _pins) < 0;

    /// <summary>Ends when the snapshot is closed and nobody pins it.</summary>
    internal Task Drained => _drained.Task;

    /// <summary>Ends after that, when the coordinator was told too, or there is no session any more that could tell it.</summary>
    internal Task Ended => _ended.Task;

    internal void End() => _ended.TrySetResult();

    /// <summary>Any thread. False once closed: nothing was counted.</summary>
    internal bool TryPin()
    {
        if (Interlocked.Increment(ref _pins) > 0)
        {
            return true;
        }

        Unpin();
        return false;
    }

    /// <summary>Exactly once after a successful mapping, when its I/O has ended. Any thread.</summary>
    public void Unpin()
    {
        if (Interlocked.Decrement(ref _pins) == Closed)
        {
            _drained.TrySetResult();
        }
    }

    /// <summary>No pin succeeds from now on.</summary>
    internal void Close()
    {
        if ((Interlocked.Or(ref _pins, Closed) & ~Closed) == 0)
        {
            _drained.TrySetResult();
        }
    }

    /// <summary>Whole blocks within valid data, rounded outwards: the first block may begin before what is wanted.</summary>
    internal bool TryMapRead(long offset, int length, Span<LunSegment> segments, out int count)
    {
        count = 0;
        return length > 0
            && offset >= 0
            && offset <= (Tail?.Readable ?? Layout.ValidLength.Value) - length
            && TryMap(offset & -(long)_blockSize, (offset + length + _blockSize - 1) & -(long)_blockSize, segments, out count);
    }

    internal bool TryMapWrite(long offset, int length, Span<LunSegment> segments, out int count)
    {
        count = 0;
        if (length <= 0 || offset < 0 || offset > long.MaxValue - length || ((offset | (long)length) & (_blockSize - 1)) != 0)
        {
            return false;
        }

        return !EndsInTail(offset, length)
            ? TryMap(offset, offset + length, segments, out count)
            : Tail is not null && TryMap(offset, offset + length, segments, out count) && Tail.TryBegin(offset, length);
    }

    /// <summary>Instead of the end of a write that was mapped: it is not carried out, and nothing of it reached the LUN.</summary>
    public void WriteRefused(FileByteOffset offset, int length)
    {
        WriteEnded(offset.Value, length, succeeded: false);
        Unpin();
    }

    /// <summary>A write that was mapped has ended.</summary>
    internal void WriteEnded(long offset, int length, bool succeeded)
    {
        if (EndsInTail(offset, length))
        {
            Tail?.Ended(offset, length, succeeded);
        }
    }

    /// <summary>
    /// The same grant came back with a longer tail. False: it is none of this one's, and nothing changes. One caller at a time; I/O goes on.
    /// </summary>
    internal bool TryExtend(Layout longer)
    {
        var known = _layout;
        if (Tail is null || longer.Generation != known.Generation || longer.TailEnd <= known.TailEnd
            || !Continues(known.Extents, longer.Extents) || longer.Extents[^1].FileEnd < longer.TailEnd)
        {
            return false;
        }

        // Where the new room lies, before anybody may write there.
        Volatile.Write(ref _extents, [.. longer.Extents]);
        Volatile.Write(ref _layout, known with { Extents = longer.Extents, TailEnd = longer.TailEnd });
        Tail.Extend(longer.TailEnd);
        return true;
    }

    /// <summary>
    /// The same grant came back with other places: of what was a hole, or was not told. They are added to those that are known, or take their
    /// place where there would be too many. False: it is none of this one's, or says that something lies elsewhere, and nothing changes. I/O
    /// goes on. What is valid stays as it was granted.
    /// </summary>
    internal bool TryWiden(Layout wider, int placesMax)
    {
        lock (_telling)
        {
            var known = _layout;
            if (Tail is not null || wider.HasTail || wider.Generation != known.Generation || !Places.AreWhole(wider.Extents, _blockSize)
                || !Places.TryJoin(known.Extents, wider.Extents, out var joined))
            {
                return false;
            }

            Tell(known with { Extents = joined.Count <= placesMax ? joined : wider.Extents, IsPart = known.IsPart || wider.IsPart });
            return true;
        }
    }

    /// <summary>
    /// What a new coordinator is told, which compares it with where the file lies. Of what is too much for that the rest is forgotten: nobody
    /// has said that it is still true.
    /// </summary>
    internal Layout ToReclaim(int placesMax)
    {
        lock (_telling)
        {
            if (Tail is null && _layout.Extents.Count > placesMax)
            {
                Tell(_layout with { Extents = [.. _layout.Extents.Take(placesMax)], IsPart = true });
            }

            return _layout;
        }
    }

    /// <summary>Whether valid data there has no place; what lies behind valid length counts as none. A look only: it may be filled by now.</summary>
    internal bool HasHoleIn(long offset, int length)
    {
        if (!HasHoles || length <= 0)
        {
            return false;
        }

        var extents = Volatile.Read(ref _extents);
        var end = Math.Min(offset + length, Layout.ValidLength.Value);
        var at = offset;
        for (var index = extents.Length == 0 ? 0 : Find(extents, at); at < end; index++)
        {
            if (index >= extents.Length || extents[index].FileStart.Value > at)
            {
                return true;
            }

            at = Math.Max(at, extents[index].FileEnd.Value);
        }

        return false;
    }

    private void Tell(Layout layout)
    {
        Volatile.Write(ref _extents, [.. layout.Extents]);
        Volatile.Write(ref _layout, layout);
    }

    /// <summary>Whether all that was known lies where it did, and the rest behind it without a gap.</summary>
    private static bool Continues(IReadOnlyList<FileExtent> known, IReadOnlyList<FileExtent> longer)
    {
        if (longer.Count < known.Count)
        {
            return false;
        }

        for (var index = 0; index < longer.Count; index++)
        {
            var extent = longer[index];
            var isSame = index >= known.Count
                ? extent.FileStart == longer[index - 1].FileEnd
                : extent.FileStart == known[index].FileStart && extent.LunStart == known[index].LunStart
                    && (index == known.Count - 1 ? extent.Length >= known[index].Length : extent.Length == known[index].Length);
            if (!isSame)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether a write ends behind what is valid.</summary>
    internal bool EndsInTail(long offset, int length) => offset > WriteEnd - length;

    private bool TryMap(long at, long end, Span<LunSegment> segments, out int count)
    {
        count = 0;
        var extents = Volatile.Read(ref _extents);
        var index = Find(extents, at);
        while (at < end)
        {
            // Extents end on whole clusters, so the block that holds the last valid byte is covered; who needs more pieces than
            // the request has room for, or meets a hole, goes to the coordinator.
            if (index >= extents.Length || count == segments.Length)
            {
                return false;
            }

            ref readonly var extent = ref extents[index];
            var into = at - extent.FileStart.Value;
            if (into < 0 || into >= extent.Length.Value)
            {
                return false;
            }

            var length = (int)Math.Min(extent.Length.Value - into, end - at);
            segments[count++] = new LunSegment(new LunByteOffset(extent.LunStart.Value + into), length);
            at += length;
            index++;
        }

        return true;
    }

    private static int Find(FileExtent[] extents, long at)
    {
        int low = 0, high = extents.Length - 1;
        while (low < high)
        {
            var middle = (low + high + 1) >>> 1;
            if (extents[middle].FileStart.Value <= at)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return low;
    }
}
