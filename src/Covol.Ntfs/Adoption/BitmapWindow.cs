using Covol.Protocol;

namespace Covol.Ntfs.Adoption;

/// <summary>
/// Shows the cluster bitmap to the library as if only one range of clusters were free, so that a file which grows takes just that
/// range: the library's allocator begins with the first hole it meets and knows no wish. What it writes about clusters outside of
/// the range does not count.
/// </summary>
/// <param name="bitmap">Runs of $Bitmap's data.</param>
/// <param name="clusterSize">Bytes.</param>
/// <param name="first">First cluster of the range.</param>
/// <param name="count">Clusters of the range.</param>
internal sealed class BitmapWindow(IReadOnlyList<(long Vcn, long Lcn, long Length)> bitmap, int clusterSize, long first, long count)
{
    private const byte AllUsed = 0xFF;

    /// <summary>Makes used what lies outside of the range, in bytes read from <paramref name="offset"/>.</summary>
    public void Hide(long offset, Span<byte> bytes)
    {
        foreach (var (start, place, length) in Parts(offset, bytes.Length))
        {
            for (var index = 0; index < length; index++)
            {
                bytes[start + index] |= (byte)~Shown(place + index);
            }
        }
    }

    /// <summary>Takes what was written about clusters outside of the range back to what is <paramref name="present"/>.</summary>
    public void Merge(long offset, Span<byte> written, ReadOnlySpan<byte> present)
    {
        Invariant.Holds(written.Length == present.Length, "Bytes of the cluster bitmap were to be merged with others.");
        foreach (var (start, place, length) in Parts(offset, written.Length))
        {
            for (var index = start; index < start + length; index++)
            {
                var shown = Shown(place + index - start);
                written[index] = (byte)((written[index] & shown) | (present[index] & ~shown));
            }
        }
    }

    /// <summary>Where bytes from an offset lie in the bitmap: index among these bytes, byte of the bitmap, length.</summary>
    private IEnumerable<(int Start, long Place, int Length)> Parts(long offset, int length)
    {
        foreach (var (vcn, lcn, clusters) in bitmap)
        {
            var begin = Math.Max(offset, lcn * clusterSize);
            var end = Math.Min(offset + length, (lcn + clusters) * clusterSize);
            if (begin < end)
            {
                yield return ((int)(begin - offset), begin - (lcn * clusterSize) + (vcn * clusterSize), (int)(end - begin));
            }
        }
    }

    /// <summary>Bits of a byte of the bitmap that belong to the range.</summary>
    private byte Shown(long place)
    {
        var from = Math.Clamp(first - (place * 8), 0, 8);
        var to = Math.Clamp(first + count - (place * 8), 0, 8);
        return (byte)((AllUsed << (int)from) & ~(AllUsed << (int)to));
    }
}
