using Covol.Lun;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Journal;

/// <summary>
/// The pages that are committed and not in their places yet, by page number. Reads of them are answered from here; the LUN holds older content.
/// <code>
///   Add (a record with them is stable) ──► Step, WriteAll (in their places) ──► Flushed (stable there, forgotten)
///                                            └── another thread's flush failed meanwhile: not in their places again
/// </code>
/// Content is never changed once it is here, so others may keep it. One thread.
/// </summary>
internal sealed class WriteBack(IBlockDevice device, int stepWritesMax)
{
    /// <summary>
    /// Pages kept at most, 48 MiB: what the ring of the usual journal of 64 MiB holds. A larger journal writes back before its lap ends.
    /// </summary>
    public const int PagesMax = 12_288;

    /// <summary>Pages that may wait for company: what is written again and again is written once, and what is written lies side by side.</summary>
    public const int PagesWaitMax = 128;

    /// <summary>
    /// Writes of one step, unless much was committed since the last one: a few milliseconds of the metadata thread on a LUN that takes 0.2 ms a
    /// write.
    /// </summary>
    public const int StepWritesMax = 32;

    /// <summary>Pages of one step and of one write, 1 MiB.</summary>
    public const int StepPagesMax = 256;

    /// <summary>After a large commit a step makes one write for so many of its pages.</summary>
    private const int PagesPerWrite = StepPagesMax / StepWritesMax;

    private readonly Dictionary<long, byte[]> _pages = [];
    private readonly Dictionary<long, byte[]> _unflushed = [];
    private AlignedArray? _buffer;
    private long _cursor;
    private int _added;

    /// <summary>Pages that are not in their places.</summary>
    public IReadOnlyDictionary<long, byte[]> Pages => _pages;

    /// <summary>A page whose record is stable.</summary>
    public void Add(long page, byte[] content)
    {
        _pages[page] = content;
        _added++;
    }

    /// <summary>
    /// Where more pages wait than may, puts some in their places, from where the last step ended on, as a lift goes: each page is reached before
    /// one is written twice. True: more still wait.
    /// </summary>
    public bool Step(int waitMax)
    {
        var writes = Math.Max(stepWritesMax, _added / PagesPerWrite);
        var pages = Math.Max(StepPagesMax, _added);
        _added = 0;
        if (_pages.Count <= waitMax)
        {
            return false;
        }

        var order = Order();
        var first = Array.BinarySearch(order, _cursor);
        first = first < 0 ? ~first : first;
        var done = 0;
        for (; done < order.Length && writes > 0 && pages > 0; writes--)
        {
            // Up to the last page, then from the first one on.
            var from = first + done < order.Length ? first + done : first + done - order.Length;
            var end = WriteRun(order, from, Math.Min(from < first ? first : order.Length, from + pages));
            pages -= end - from;
            done += end - from;
        }

        _cursor = done < order.Length ? order[(first + done) % order.Length] : 0;
        return _pages.Count > waitMax;
    }

    /// <summary>Puts all pages in their places.</summary>
    public void WriteAll()
    {
        _added = 0;
        _cursor = 0;
        var order = Order();
        for (var at = 0; at < order.Length;)
        {
            at = WriteRun(order, at, order.Length);
        }
    }

    /// <summary>
    /// A flush of the journal's own succeeded. Where one of somebody else failed since the last one, the device may have thrown away what was
    /// written: it is not in its place then.
    /// </summary>
    public void Flushed(bool isStable)
    {
        if (!isStable)
        {
            foreach (var (page, content) in _unflushed)
            {
                _pages.TryAdd(page, content);
            }
        }

        _unflushed.Clear();
    }

    private long[] Order()
    {
        var order = _pages.Keys.ToArray();
        Array.Sort(order);
        return order;
    }

    /// <summary>One write, for as many pages from there on as lie side by side; answers how far it came.</summary>
    private int WriteRun(long[] order, int first, int endMax)
    {
        _buffer ??= new AlignedArray(StepPagesMax * JournalFormat.PageSize);
        var end = first;
        do
        {
            var page = order[end];
            _pages.Remove(page, out var content);
            content.CopyTo(_buffer.GetSpan((end - first) * JournalFormat.PageSize, JournalFormat.PageSize));
            _unflushed[page] = content!;
            end++;
        }
        while (end < endMax && order[end] == order[end - 1] + 1 && end - first < StepPagesMax);

        device.Write(
            new LunByteOffset(order[first] * JournalFormat.PageSize), _buffer.GetSpan(0, (end - first) * JournalFormat.PageSize));
        return end;
    }
}
