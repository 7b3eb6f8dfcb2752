using Covol.Lun;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Checking;

/// <summary>A volume read without libntfs-3g and without changing anything.</summary>
internal sealed class VolumeImage(IBlockDevice device, VolumeGeometry geometry)
{
    /// <summary>A damaged size must not make us ask for all memory.</summary>
    private const long WholeMax = 64L << 20;

    public VolumeGeometry Geometry { get; } = geometry;

    public long BytesRead { get; private set; }

    public byte[] ReadBytes(long offset, int length)
    {
        var start = JournalFormat.RoundDown(offset);
        var bytes = new byte[JournalFormat.RoundUp(offset + length) - start];
        ReadPages(start, bytes);
        return start == offset && bytes.Length == length ? bytes : bytes.AsSpan((int)(offset - start), length).ToArray();
    }

    /// <summary>Whole pages, without a copy.</summary>
    public void ReadPages(long offset, Span<byte> target)
    {
        device.Read(new LunByteOffset(offset), target);
        BytesRead += target.Length;
    }

    /// <summary>The content of a small attribute; null when it cannot be read or claims to be large.</summary>
    public byte[]? ReadWhole(MftAttribute attribute, IEnumerable<(long Vcn, long Lcn, long Length)>? runs = null)
    {
        if (attribute.Value is { } value)
        {
            return value;
        }

        if (attribute.Size is < 0 or > WholeMax)
        {
            return null;
        }

        var content = new byte[attribute.Size];
        return new AttributeContent(this, attribute, runs).TryRead(0, content) ? content : null;
    }
}
