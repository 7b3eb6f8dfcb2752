using System.Buffers.Binary;

namespace Covol.Ntfs.Checking;

/// <summary>
/// The MFT as it lies on the volume. On a fragmented volume its own record has no room for all its runs: then it has an
/// attribute list,
/// and the rest of the runs lies in records that the first runs lead to.
/// </summary>
internal sealed class MftTable(VolumeImage image, VolumeGeometry geometry, Action<string> tell)
{
    private const uint AttributeList = 0x20;
    private const uint Data = 0x80;
    private const uint Bitmap = 0xB0;
    private const int EntryLengthMin = 26;

    /// <summary>
    /// The records that were ever written, and the bits of those in use; null, with a sentence told, when they cannot be read.
    /// </summary>
    public (byte[] Records, byte[] Bits)? Read()
    {
        if (ReadRecord(geometry.MftStart * geometry.ClusterSize, 0) is not { } own || own.Find(Data) is not { Value: null } data)
        {
            tell("The MFT's own record cannot be read.");
            return null;
        }

        var attributes = new List<MftAttribute>(own.Attributes);
        if (own.Find(AttributeList) is { } list && !Follow(list, attributes))
        {
            return null;
        }

        var runs = RunsOf(attributes, Data);
        if (runs.Sum(run => run.Length) * geometry.ClusterSize != data.Allocated || image.ReadAttribute(data, runs) is not { } records)
        {
            tell("The MFT cannot be read.");
            return null;
        }

        var bitmap = attributes.FirstOrDefault(attribute => attribute.Type == Bitmap && attribute.LowestVcn == 0);
        if (bitmap is null || image.ReadAttribute(bitmap, RunsOf(attributes, Bitmap)) is not { } bits)
        {
            tell("The MFT's bitmap cannot be read.");
            return null;
        }

        // Records that were never written lie behind the valid length.
        var written = (int)Math.Min(data.Valid, records.Length) / geometry.MftRecordSize * geometry.MftRecordSize;
        return (records.AsSpan(0, written).ToArray(), bits);
    }

    private static List<(long Vcn, long Lcn, long Length)> RunsOf(List<MftAttribute> attributes, uint type) =>
        [.. attributes.Where(attribute => attribute.Type == type && attribute.Name.Length == 0 && attribute.Value is null)
            .OrderBy(attribute => attribute.LowestVcn).SelectMany(attribute => attribute.Runs)];

    /// <summary>Adds what the list names in other records. Each of those lies within the runs of the entries before.</summary>
    private bool Follow(MftAttribute list, List<MftAttribute> attributes)
    {
        if (image.ReadAttribute(list) is not { } bytes)
        {
            tell("The MFT's attribute list cannot be read.");
            return false;
        }

        var seen = new HashSet<ulong> { 0 };
        for (var at = 0; at + EntryLengthMin <= bytes.Length;)
        {
            var entry = bytes.AsSpan(at);
            var length = BinaryPrimitives.ReadUInt16LittleEndian(entry[4..]);
            var holder = BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]) & 0xFFFF_FFFF_FFFF;
            if (length < EntryLengthMin)
            {
                tell("The MFT's attribute list is damaged.");
                return false;
            }

            at += length;
            if (!seen.Add(holder))
            {
                continue;
            }

            if (PlaceOf(holder, RunsOf(attributes, Data)) is not { } place || ReadRecord(place, holder) is not { IsExtent: true, Base: 0 } record)
            {
                tell($"The MFT's attribute list leads to record {holder}, which cannot be read.");
                return false;
            }

            attributes.AddRange(record.Attributes);
        }

        return true;
    }

    private long? PlaceOf(ulong record, List<(long Vcn, long Lcn, long Length)> runs)
    {
        var offset = (long)record * geometry.MftRecordSize;
        foreach (var (vcn, lcn, length) in runs)
        {
            var start = vcn * geometry.ClusterSize;
            if (offset >= start && offset + geometry.MftRecordSize <= start + (length * geometry.ClusterSize))
            {
                return (lcn * geometry.ClusterSize) + offset - start;
            }
        }

        return null;
    }

    private MftRecord? ReadRecord(long place, ulong number)
    {
        var bytes = image.ReadBytes(place, geometry.MftRecordSize);
        return MftRecord.TryFix(bytes, "FILE"u8) ? MftRecord.Read(bytes, number, tell) : null;
    }
}
