using System.Diagnostics.CodeAnalysis;
using Covol.Protocol.Units;

namespace Covol.VolumeClient;

/// <summary>Where parts of a file lie: sorted extents without overlaps, as they are told in one grant and joined from several answers.</summary>
internal static class Places
{
    /// <summary>Sorted, without overlaps, in whole blocks.</summary>
    public static bool AreWhole(IReadOnlyList<FileExtent> places, int blockSize)
    {
        var expected = FileByteOffset.Zero;
        foreach (var place in places)
        {
            if (place.FileStart < expected || place.Length.Value <= 0 || place.LunStart.Value < 0
                || ((place.FileStart.Value | place.LunStart.Value | place.Length.Value) & (blockSize - 1)) != 0)
            {
                return false;
            }

            expected = place.FileEnd;
        }

        return true;
    }

    /// <summary>All that either of two lists tells, joined where it can be. False: they say different things of one place.</summary>
    public static bool TryJoin(
        IReadOnlyList<FileExtent> known, IReadOnlyList<FileExtent> told, [NotNullWhen(true)] out List<FileExtent>? joined)
    {
        joined = new List<FileExtent>(known.Count + told.Count);
        var (left, right) = (0, 0);
        while (left < known.Count || right < told.Count)
        {
            var next = right == told.Count || (left < known.Count && known[left].FileStart <= told[right].FileStart)
                ? known[left++]
                : told[right++];
            if (!TryAppend(joined, next))
            {
                joined = null;
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// Begins where all that is joined begins, or later. What it overlaps is the last piece only: others of its own list end before it, and
    /// whatever of the other list goes on past its beginning was appended last.
    /// </summary>
    private static bool TryAppend(List<FileExtent> joined, FileExtent next)
    {
        if (joined.Count == 0 || joined[^1].FileEnd < next.FileStart)
        {
            joined.Add(next);
            return true;
        }

        var last = joined[^1];
        var isSamePlace = last.LunStart + (next.FileStart - last.FileStart) == next.LunStart;
        if (isSamePlace)
        {
            joined[^1] = next.FileEnd > last.FileEnd ? last with { Length = next.FileEnd - last.FileStart } : last;
        }
        else if (last.FileEnd == next.FileStart)
        {
            joined.Add(next);
        }

        return isSamePlace || last.FileEnd == next.FileStart;
    }
}
