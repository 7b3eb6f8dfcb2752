using Covol.Lun;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Checking;

/// <summary>A volume read without libntfs-3g and without changing anything: clusters, attributes, MFT records.</summary>
internal sealed class VolumeImage(IBlockDevice device, VolumeGeometry geometry)
{
    /// <summary>A damaged size must not make us ask for all memory.</summary>
    private const long ReadMax = 1L << 30;

    public VolumeGeometry Geometry { get; } = geometry;

    public byte[] ReadBytes(long offset, int length)
    {
        var start = JournalFormat.RoundDown(offset);
        var bytes = new byte[JournalFormat.RoundUp(offset + length) - start];
        device.Read(new LunByteOffset(start), bytes);
        return bytes.AsSpan((int)(offset - start), length).ToArray();
    }

    /// <summary>The content of an attribute: zeroes in holes and behind the valid length. Null when it cannot be read.</summary>
    public byte[]? ReadAttribute(MftAttribute attribute, IEnumerable<(long Vcn, long Lcn, long Length)>? runs = null)
    {
        if (attribute.Value is { } value)
        {
            return value;
        }

        if (attribute.Size is < 0 or > ReadMax)
        {
            return null;
        }

        var content = new byte[attribute.Size];
        foreach (var (vcn, lcn, length) in runs ?? attribute.Runs)
        {
            var start = vcn * Geometry.ClusterSize;
            var end = Math.Min(Math.Min(content.Length, attribute.Valid), (vcn + length) * Geometry.ClusterSize);
            if (lcn < 0 || end <= start)
            {
                continue;
            }

            if (lcn + length > Geometry.Clusters)
            {
                return null;
            }

            ReadBytes(lcn * Geometry.ClusterSize, (int)(end - start)).CopyTo(content.AsSpan((int)start));
        }

        return content;
    }

    /// <summary>One MFT record by the MFT's runs; null with a problem told when it is not whole.</summary>
    public MftRecord? ReadRecord(ReadOnlySpan<byte> mft, ulong number, Action<string> problem)
    {
        var bytes = mft.Slice((int)number * Geometry.MftRecordSize, Geometry.MftRecordSize).ToArray();
        if (!MftRecord.TryFix(bytes, "FILE"u8))
        {
            problem($"record {number}: torn or no MFT record");
            return null;
        }

        return MftRecord.Read(bytes, number, problem);
    }
}
