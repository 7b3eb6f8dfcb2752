using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Journal;

/// <summary>
/// The pages of a grant, looked for in sets of pages. A grant may be of terabytes or of one page, and a set of many pages or of few: whichever is
/// smaller is gone through.
/// </summary>
internal readonly struct GrantedPages
{
    private readonly (long First, long End)[] _sorted;
    private readonly long _count;

    public GrantedPages(IReadOnlyList<FileExtent> grant)
    {
        _sorted = new (long, long)[grant.Count];
        for (var index = 0; index < grant.Count; index++)
        {
            _sorted[index] = (
                grant[index].LunStart.Value / JournalFormat.PageSize, JournalFormat.RoundUp(grant[index].LunEnd.Value) / JournalFormat.PageSize);
            _count += _sorted[index].End - _sorted[index].First;
        }

        Array.Sort(_sorted);
    }

    public bool Touches(IReadOnlySet<long> pages)
    {
        if (pages.Count < _count)
        {
            foreach (var page in pages)
            {
                if (Covers(page))
                {
                    return true;
                }
            }

            return false;
        }

        foreach (var (first, end) in _sorted)
        {
            for (var page = first; page < end; page++)
            {
                if (pages.Contains(page))
                {
                    return true;
                }
            }
        }

        return false;
    }

    public bool Touches(Dictionary<long, byte[]> pages)
    {
        foreach (var page in pages.Keys)
        {
            if (Covers(page))
            {
                return true;
            }
        }

        return false;
    }

    public void RemoveFrom(Dictionary<long, byte[]> pages)
    {
        if (pages.Count < _count)
        {
            foreach (var page in pages.Keys)
            {
                if (Covers(page))
                {
                    // A dictionary may lose entries while it is gone through (since .NET Core 3.0).
                    pages.Remove(page);
                }
            }

            return;
        }

        foreach (var (first, end) in _sorted)
        {
            for (var page = first; page < end; page++)
            {
                pages.Remove(page);
            }
        }
    }

    private bool Covers(long page)
    {
        var (low, high) = (0, _sorted.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (_sorted[middle].End <= page)
            {
                low = middle + 1;
            }
            else if (_sorted[middle].First > page)
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
}
