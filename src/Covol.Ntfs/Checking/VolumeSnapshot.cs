using Covol.Lun;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Checking;

/// <summary>
/// The metadata of a volume as the last commit left it, while further commits go on. Their pages are put in their places one after the other, so
/// before any of that, what these pages held goes into here, and at the begin what is committed and not in its place; a reader reads the LUN first
/// and then takes what is here. Whatever the LUN answered, it is then the old content.
/// <code>
///   metadata thread   keep old pages ──► write new ones back       note a grant ──► a node may write there
///   reader                    read the LUN ──► take what was kept; where a grant was noted: gone
/// </code>
/// Nothing waits for the reader. File data is never read through it, so a place that is granted after the snapshot was metadata that has been
/// freed since.
/// </summary>
internal sealed class VolumeSnapshot(IBlockDevice device, int keptPagesMax) : IBlockDevice
{
    /// <summary>Extents granted while a check runs, of all files together.</summary>
    private const int GrantsMax = 1 << 20;

    private readonly Lock _access = new();
    private readonly Dictionary<long, byte[]> _kept = [];
    private readonly List<(long First, long End)> _grants = [];
    private (long First, long End)[] _sorted = [];
    private string? _abandoned;

    public ByteCount Size => device.Size;

    public int BlockSize => device.BlockSize;

    /// <summary>Of the metadata thread, before these pages are written. <paramref name="content"/> gives what a page holds until then.</summary>
    public void Keep(IReadOnlyList<long> pages, Func<long, byte[]> content)
    {
        foreach (var page in pages)
        {
            lock (_access)
            {
                if (_abandoned is not null || _kept.ContainsKey(page))
                {
                    continue;
                }
            }

            var held = content(page);
            lock (_access)
            {
                if (_kept.Count == keptPagesMax)
                {
                    Give("The volume changed too much while it was checked. Check it again when fewer files are made and deleted, or offline.");
                    return;
                }

                _kept.Add(page, held);
            }
        }
    }

    /// <summary>Of the metadata thread, before anybody writes to these places past the journal.</summary>
    public void Granted(IReadOnlyList<FileExtent> extents)
    {
        lock (_access)
        {
            if (_grants.Count + extents.Count > GrantsMax)
            {
                Give("Too many files were opened while the volume was checked. Check it again later, or offline.");
                return;
            }

            foreach (var extent in extents)
            {
                _grants.Add((extent.LunStart.Value / JournalFormat.PageSize, JournalFormat.RoundUp(extent.LunEnd.Value) / JournalFormat.PageSize));
            }
        }
    }

    /// <summary>The next read, by any thread, throws <see cref="CheckAbandonedException"/> with this sentence.</summary>
    public void Abandon(string why)
    {
        lock (_access)
        {
            Give(why);
        }
    }

    public void Read(LunByteOffset from, Span<byte> target)
    {
        lock (_access)
        {
            ThrowIfAbandoned();
        }

        device.Read(from, target);
        lock (_access)
        {
            ThrowIfAbandoned();
            Sort();
            var last = (from.Value + target.Length - 1) / JournalFormat.PageSize;
            for (var page = from.Value / JournalFormat.PageSize; page <= last; page++)
            {
                if (_kept.TryGetValue(page, out var content))
                {
                    var start = Math.Max(from.Value, page * JournalFormat.PageSize);
                    var end = Math.Min(from.Value + target.Length, (page + 1) * JournalFormat.PageSize);
                    content.AsSpan((int)(start - (page * JournalFormat.PageSize)), (int)(end - start)).CopyTo(target[(int)(start - from.Value)..]);
                }
                else if (IsGranted(page))
                {
                    throw new ContentGoneException();
                }
            }
        }
    }

    public void Write(LunByteOffset at, ReadOnlySpan<byte> source) => throw ReadOnly();

    public void Flush() => throw ReadOnly();

    public void WriteZeroes(LunByteOffset at, ByteCount length) => throw ReadOnly();

    public void Discard(LunByteOffset at, ByteCount length) => throw ReadOnly();

    public void Dispose()
    {
    }

    private static NotSupportedException ReadOnly() => new("A check never writes to a volume.");

    private void Give(string why)
    {
        _abandoned ??= why;
        _kept.Clear();
        _grants.Clear();
    }

    private void ThrowIfAbandoned()
    {
        if (_abandoned is { } why)
        {
            throw new CheckAbandonedException(why);
        }
    }

    /// <summary>The grants in ascending order without overlaps, made anew where some came.</summary>
    private void Sort()
    {
        if (_grants.Count == 0)
        {
            return;
        }

        var merged = new List<(long First, long End)>();
        foreach (var (first, end) in _sorted.Concat(_grants).Order())
        {
            if (merged.Count > 0 && first <= merged[^1].End)
            {
                merged[^1] = (merged[^1].First, Math.Max(end, merged[^1].End));
            }
            else
            {
                merged.Add((first, end));
            }
        }

        _sorted = [.. merged];
        _grants.Clear();
    }

    private bool IsGranted(long page)
    {
        var (low, high) = (0, _sorted.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (page < _sorted[middle].First)
            {
                high = middle - 1;
            }
            else if (page >= _sorted[middle].End)
            {
                low = middle + 1;
            }
            else
            {
                return true;
            }
        }

        return false;
    }
}
