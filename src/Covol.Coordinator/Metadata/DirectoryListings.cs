using Covol.Ntfs;
using Covol.Protocol.Ids;

namespace Covol.Coordinator.Metadata;

/// <summary>
/// Names of directories that are just being read page by page, so that a big one is not read anew for each page. On the metadata
/// thread only.
/// </summary>
/// <remarks>
/// Who begins to read a directory lists it afresh and puts that list in the place of an older one, so nobody is given a list older
/// than his own beginning. Names that came or went since then may be missing or gone, as POSIX allows (readdir); each name is looked
/// at again when its page is made.
/// </remarks>
internal sealed class DirectoryListings
{
    private const int ListingsMax = 16;

    /// <summary>Of all listings together; a name takes about 80 bytes.</summary>
    private const int NamesMax = 2_000_000;

    // Oldest first.
    private readonly List<(FileId Directory, IReadOnlyList<(string Name, FileReference File)> Names)> _kept = [];

    public IReadOnlyList<(string Name, FileReference File)> NamesOf(INtfsVolume volume, FileId directory, bool isFirst)
    {
        if (!isFirst)
        {
            foreach (var kept in _kept)
            {
                if (kept.Directory == directory)
                {
                    return kept.Names;
                }
            }
        }

        var names = volume.ListNames(directory);
        Drop(directory);
        _kept.Add((directory, names));
        while (_kept.Count > ListingsMax || (_kept.Count > 1 && _kept.Sum(kept => kept.Names.Count) > NamesMax))
        {
            _kept.RemoveAt(0);
        }

        return names;
    }

    public void Drop(FileId directory) => _kept.RemoveAll(kept => kept.Directory == directory);

    /// <summary>The place of the first name after this one in ordinal order.</summary>
    public static int FirstAfter(IReadOnlyList<(string Name, FileReference File)> names, string after)
    {
        var low = 0;
        var high = names.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (string.CompareOrdinal(names[middle].Name, after) > 0)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }
}
