namespace Covol.Ntfs.Checking;

/// <summary>
/// The content of one attribute at any place, through a window of some hundred KiB: index blocks and bitmaps are read in about the order in
/// which they lie. Zeroes in holes and behind valid length.
/// </summary>
internal sealed class AttributeContent
{
    private const int WindowLength = 256 << 10;

    private readonly VolumeImage _image;
    private readonly MftAttribute _attribute;
    private readonly (long Vcn, long Lcn, long Length)[] _runs;
    private readonly byte[] _window;
    private long _windowStart = -1;

    public AttributeContent(VolumeImage image, MftAttribute attribute, IEnumerable<(long Vcn, long Lcn, long Length)>? runs = null)
    {
        _image = image;
        _attribute = attribute;
        _runs = [.. runs ?? attribute.Runs];

        // Of a small attribute the window holds all.
        var cluster = image.Geometry.ClusterSize;
        var allocated = _runs.Length == 0 ? 0 : (_runs[^1].Vcn + _runs[^1].Length) * cluster;
        _window = new byte[Math.Min(Math.Max(WindowLength, cluster), allocated)];
    }

    public long Size => _attribute.Size;

    /// <summary>False where the runs do not lead there.</summary>
    public bool TryRead(long offset, Span<byte> target)
    {
        if (_attribute.Value is { } value)
        {
            return offset >= 0 && offset + target.Length <= value.Length && value.AsSpan((int)offset, target.Length).TryCopyTo(target);
        }

        while (target.Length > 0)
        {
            if (offset < 0 || offset >= Size || _window.Length == 0)
            {
                return false;
            }

            if (_windowStart < 0 || offset < _windowStart || offset >= _windowStart + _window.Length)
            {
                var start = offset / _window.Length * _window.Length;
                if (!TryFill(start))
                {
                    return false;
                }
            }

            var within = (int)(offset - _windowStart);
            var take = Math.Min(target.Length, _window.Length - within);
            _window.AsSpan(within, take).CopyTo(target);
            target = target[take..];
            offset += take;
        }

        return true;
    }

    private bool TryFill(long start)
    {
        var cluster = _image.Geometry.ClusterSize;
        _windowStart = -1;
        _window.AsSpan().Clear();
        var end = Math.Min(start + _window.Length, _attribute.Valid);
        var at = start;
        while (at < end)
        {
            var index = Find(at / cluster);
            if (index < 0)
            {
                return false;
            }

            var (vcn, lcn, length) = _runs[index];
            var take = Math.Min(end, (vcn + length) * cluster) - at;
            if (lcn >= 0)
            {
                var place = (lcn * cluster) + at - (vcn * cluster);
                if (lcn + length > _image.Geometry.Clusters)
                {
                    return false;
                }

                // Whole pages: the window ends on a cluster's border, valid length need not.
                var pages = (int)Math.Min(_window.Length - (at - start), (take + 4095) & ~4095L);
                _image.ReadPages(place, _window.AsSpan((int)(at - start), pages));
                _window.AsSpan((int)(at - start + take), pages - (int)take).Clear();
            }

            at += take;
        }

        _windowStart = start;
        return true;
    }

    private int Find(long vcn)
    {
        var (low, high) = (0, _runs.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (vcn < _runs[middle].Vcn)
            {
                high = middle - 1;
            }
            else if (vcn >= _runs[middle].Vcn + _runs[middle].Length)
            {
                low = middle + 1;
            }
            else
            {
                return middle;
            }
        }

        return -1;
    }
}
