using System.Numerics;
using System.Runtime.InteropServices;
using Covol.Lun;
using Covol.Ntfs.Checking;
using Covol.Protocol;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Journal;

/// <summary>
/// The volume as libntfs-3g sees it: the LUN with an overlay of changed 4 KiB pages, which <see cref="Commit"/> makes stable and
/// applies through the journal. Pages that are clean are kept too, up to a limit. File data is never in it, except what was
/// resident (SAFETY 15).
/// </summary>
internal sealed class JournaledDevice : IVolumeDevice
{
    public const int PageSize = JournalFormat.PageSize;

    private readonly IBlockDevice _device;
    private readonly RedoJournal _journal;
    private readonly JournalControls _controls;
    private readonly long _journalFirst;
    private readonly long _journalEnd;
    private readonly int _cleanPagesMax;
    private readonly Dictionary<long, byte[]> _dirty = [];
    private readonly Dictionary<long, byte[]> _clean = [];
    private readonly Queue<long> _cleanOrder = new();
    private readonly Dictionary<long, byte[]?> _undo = [];
    private IReadOnlyList<(long Start, long End)> _counted = [];
    private long? _bitsSetBefore;
    private bool _inOperation;
    private VolumeSnapshot? _snapshot;

    public JournaledDevice(
        IBlockDevice device, RedoJournal journal, JournalLocator extent, JournalControls controls, int cleanPagesMax)
    {
        _device = device;
        _journal = journal;
        _controls = controls;
        _journalFirst = extent.Start.Value / PageSize;
        _journalEnd = (extent.Start + extent.Length).Value / PageSize;
        _cleanPagesMax = cleanPagesMax;
        Size = JournalFormat.RoundDown(device.Size.Value);
    }

    public long Size { get; }

    public bool DropWrites { get; set; }

    public bool HasUncommitted => _dirty.Count > 0;

    /// <summary>Bits set minus bits cleared since <see cref="CountBits"/>; null before.</summary>
    public long? BitsSet { get; private set; }

    /// <summary>The operation that runs has written something.</summary>
    public bool OperationWrote => _undo.Count > 0;

    /// <summary>Pages that the operation that runs has added to the next commit.</summary>
    public long OperationPages { get; private set; }

    /// <summary>
    /// The operation that runs wanted to write more pages than the next commit has room for. Its further writes are refused; it
    /// has to
    /// be undone.
    /// </summary>
    public bool OperationOverflowed { get; private set; }

    /// <summary>Pages that can be added to the next commit.</summary>
    public long Room => CommitPagesMax - _dirty.Count;

    /// <summary>Share of the journal that is in use, or would be after a commit.</summary>
    public double Use => _journal.Use + ((double)JournalRecord.LengthOf(_dirty.Count, 0) / _journal.RingLength);

    /// <summary>Pages of the largest commit that fits an empty journal.</summary>
    public long CommitPagesMax => (_journal.RingLength / PageSize) - 64;

    /// <summary>Follows how many bits are set in these places (the cluster bitmap), so that nobody has to read it all
    /// again.</summary>
    public void CountBits(IReadOnlyList<(long Start, long End)> places)
    {
        _counted = places;
        BitsSet = 0;
    }

    public void BeginOperation()
    {
        Invariant.Holds(!_inOperation, "An operation of a volume began within another.");
        _inOperation = true;
        _bitsSetBefore = BitsSet;
        OperationPages = 0;
        OperationOverflowed = false;
        _undo.Clear();
    }

    public void EndOperation()
    {
        _inOperation = false;
        _undo.Clear();
    }

    /// <summary>The overlay is as it was before the operation began.</summary>
    public void UndoOperation()
    {
        foreach (var (number, before) in _undo)
        {
            if (before is null)
            {
                _dirty.Remove(number);
            }
            else
            {
                _dirty[number] = before;
            }
        }

        BitsSet = _bitsSetBefore;
        EndOperation();
    }

    public void Read(long offset, Span<byte> target)
    {
        while (target.Length > 0)
        {
            var number = offset / PageSize;
            var within = (int)(offset % PageSize);
            var take = Math.Min(PageSize - within, target.Length);
            Page(number).AsSpan(within, take).CopyTo(target);
            target = target[take..];
            offset += take;
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> source)
    {
        if (DropWrites)
        {
            return;
        }

        while (source.Length > 0)
        {
            var number = offset / PageSize;
            var within = (int)(offset % PageSize);
            var take = Math.Min(PageSize - within, source.Length);
            Invariant.Holds(number < _journalFirst || number >= _journalEnd, "The file system wrote into the journal.");
            var target = DirtyPage(number, whole: take == PageSize && !IsCounted(offset)).AsSpan(within, take);
            if (IsCounted(offset))
            {
                BitsSet += Bits(source[..take]) - Bits(target);
            }

            source[..take].CopyTo(target);
            source = source[take..];
            offset += take;
        }
    }

    public void Commit(ReadOnlySpan<byte> state)
    {
        Invariant.Holds(!_inOperation, "A commit was asked for in the middle of an operation.");
        if (_dirty.Count == 0 && state.Length == 0)
        {
            return;
        }

        var pages = _dirty.Keys.ToArray();
        Array.Sort(pages);
        _snapshot?.Keep(pages, Committed);
        _journal.Commit(pages, number => _dirty[number], state);
        foreach (var (number, content) in _dirty)
        {
            KeepClean(number, content);
        }

        _dirty.Clear();
    }

    public void Checkpoint(ReadOnlySpan<byte> state)
    {
        Invariant.Holds(_dirty.Count == 0, "A checkpoint was asked for while changes were not committed.");
        _journal.Checkpoint(state);
    }

    /// <summary>
    /// True when a replay could still write over one of these places. They are about to be written past this device, so nothing of
    /// them stays in the cache either way.
    /// </summary>
    public bool MustCheckpointBefore(IReadOnlyList<FileExtent> grant)
    {
        _snapshot?.Granted(grant);
        foreach (var number in Hits(grant, _clean.Keys).ToList())
        {
            _clean.Remove(number);
        }

        return _controls.CheckpointBeforeGrant && (Touches(grant, _journal.Journalled) || Touches(grant, _dirty.Keys));
    }

    /// <summary>
    /// Whether all of a place was journalled in this lap. Then nobody has written it past this device since: a checkpoint would have come
    /// before that.
    /// </summary>
    public bool IsJournalled(long offset, long length)
    {
        for (var number = offset / PageSize; number * PageSize < offset + length; number++)
        {
            if (!_dirty.ContainsKey(number) && !_journal.Journalled.Contains(number))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// From now on what the LUN holds, which is what was committed last, is kept for a reader. What is uncommitted is in the overlay alone, so
    /// that any moment between two operations is good for it.
    /// </summary>
    public VolumeSnapshot BeginSnapshot(int keptPagesMax)
    {
        Invariant.Holds(!_inOperation && _snapshot is null, "A check began in the middle of an operation, or of another check.");
        var snapshot = new VolumeSnapshot(_device, keptPagesMax);
        _snapshot = snapshot;
        return snapshot;
    }

    public void EndSnapshot() => _snapshot = null;

    /// <summary>Sectors for the fingerprint of the next laps.</summary>
    public void Guard(IReadOnlyList<LunByteOffset> sectors) => _journal.Guard(sectors);

    private static bool Touches(IReadOnlyList<FileExtent> grant, IReadOnlyCollection<long> pages) => Hits(grant, pages).Any();

    private static IEnumerable<long> Hits(IReadOnlyList<FileExtent> grant, IReadOnlyCollection<long> pages)
    {
        if (pages.Count == 0 || grant.Count == 0)
        {
            return [];
        }

        var sorted = grant.OrderBy(extent => extent.LunStart.Value).ToArray();
        return pages.Where(page => Covers(sorted, page));
    }

    private static bool Covers(FileExtent[] sorted, long page)
    {
        var (low, high) = (0, sorted.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (sorted[middle].LunEnd.Value <= page * PageSize)
            {
                low = middle + 1;
            }
            else if (sorted[middle].LunStart.Value >= (page + 1) * PageSize)
            {
                high = middle - 1;
            }
            else
            {
                return true;
            }
        }

        return false;
    }

    private static long Bits(ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        var bits = 0L;
        foreach (var word in words)
        {
            bits += BitOperations.PopCount(word);
        }

        foreach (var single in bytes[(words.Length * sizeof(ulong))..])
        {
            bits += BitOperations.PopCount(single);
        }

        return bits;
    }

    private bool IsCounted(long offset)
    {
        foreach (var (start, end) in _counted)
        {
            if (offset >= start && offset < end)
            {
                return true;
            }
        }

        return false;
    }

    private byte[] Page(long number)
    {
        if (_dirty.TryGetValue(number, out var page) || _clean.TryGetValue(number, out page))
        {
            return page;
        }

        page = NewPage();
        _device.Read(new LunByteOffset(number * PageSize), page);
        KeepClean(number, page);
        return page;
    }

    /// <summary>What a page holds on the LUN. Clean pages are never changed, so that they may be kept by others.</summary>
    private byte[] Committed(long number)
    {
        if (_clean.TryGetValue(number, out var page))
        {
            return page;
        }

        page = NewPage();
        _device.Read(new LunByteOffset(number * PageSize), page);
        return page;
    }

    private byte[] DirtyPage(long number, bool whole)
    {
        if (_dirty.TryGetValue(number, out var page))
        {
            if (_inOperation && !_undo.ContainsKey(number))
            {
                _undo[number] = (byte[])page.Clone();
            }

            return page;
        }

        if (_inOperation)
        {
            if (OperationOverflowed || (Room <= 0 && _controls.BoundCommit))
            {
                OperationOverflowed = true;
                throw new NtfsEngineException("A change does not fit what is left of the journal's commit.");
            }

            _undo[number] = null;
            OperationPages++;
        }

        var fresh = NewPage();
        if (!whole)
        {
            Page(number).CopyTo(fresh, 0);
        }

        // The clean page stays as it is, below the dirty one: it is what an undo returns to.
        _dirty[number] = fresh;
        return fresh;
    }

    private static byte[] NewPage() => GC.AllocateUninitializedArray<byte>(PageSize);

    private void KeepClean(long number, byte[] content)
    {
        if (!_clean.ContainsKey(number))
        {
            _cleanOrder.Enqueue(number);
        }

        _clean[number] = content;

        // The order also names pages that were forgotten meanwhile; it is kept short like the cache itself.
        while ((_clean.Count > _cleanPagesMax || _cleanOrder.Count > 2 * _cleanPagesMax) && _cleanOrder.TryDequeue(out var oldest))
        {
            _clean.Remove(oldest);
        }
    }
}
