using System.Buffers.Binary;

namespace Covol.Ntfs.Checking;

/// <summary>
/// The MFT as it lies on the volume: its runs, the bits of its records in use, and its records, one after the other in large reads or a single
/// one. On a fragmented volume its own record has no room for all its runs: then it has an attribute list, and the rest of the runs lies in
/// records that the first runs lead to.
/// </summary>
internal sealed class MftTable
{
    private const int EntryLengthMin = 26;
    private const int BlockLength = 1 << 20;

    private readonly VolumeImage _image;
    private readonly VolumeGeometry _geometry;
    private readonly FindingList _findings;
    private List<(long Vcn, long Lcn, long Length)> _runs = [];

    public MftTable(VolumeImage image, FindingList findings)
    {
        _image = image;
        _geometry = image.Geometry;
        _findings = findings;
    }

    public delegate void RecordVisitor(ulong number, Span<byte> record);

    /// <summary>Records that were ever written.</summary>
    public ulong Count { get; private set; }

    public byte[] Bits { get; private set; } = [];

    public bool IsMarked(ulong number) =>
        number / 8 < (ulong)Bits.Length && (Bits[number / 8] & (1 << (int)(number % 8))) != 0;

    /// <summary>False, with a finding told, when it cannot be read.</summary>
    public bool Open()
    {
        if (ReadAt(_geometry.MftStart * _geometry.ClusterSize, 0) is not { } own || own.Find(MftRecord.Data) is not { Value: null } data)
        {
            return Unreadable("its own record cannot be read");
        }

        var attributes = new List<MftAttribute>(own.Attributes);
        if (own.Find(MftRecord.AttributeList) is { } list && !Follow(list, attributes))
        {
            return false;
        }

        _runs = RunsOf(attributes, MftRecord.Data);
        var clusters = 0L;
        foreach (var (vcn, lcn, length) in _runs)
        {
            if (vcn != clusters || lcn < 0 || lcn + length > _geometry.Clusters)
            {
                return Unreadable("its run list has a gap, or leads out of the volume");
            }

            clusters += length;
        }

        var written = Math.Min(data.Valid, Math.Min(data.Size, clusters * _geometry.ClusterSize));
        if (written < _geometry.MftRecordSize || data.Allocated != clusters * _geometry.ClusterSize)
        {
            return Unreadable($"its sizes ({data.Valid}, {data.Size}, {data.Allocated}) do not fit its {clusters} clusters");
        }

        var bitmap = attributes.FirstOrDefault(attribute => attribute.Type == MftRecord.Bitmap && attribute.LowestVcn == 0);
        if (bitmap is null || _image.ReadWhole(bitmap, RunsOf(attributes, MftRecord.Bitmap)) is not { } bits)
        {
            return Unreadable("its bitmap cannot be read");
        }

        // Records that were never written lie behind the valid length.
        (Count, Bits) = ((ulong)(written / _geometry.MftRecordSize), bits);
        return true;
    }

    /// <summary>One record with its fix-ups undone; null when it is not there or torn.</summary>
    public MftRecord? Read(ulong number, Action<FindingKind, string>? problem = null)
    {
        if (number >= Count || PlaceOf(number, _runs) is not { } place)
        {
            return null;
        }

        return ReadAt(place, number, problem);
    }

    /// <summary>
    /// Visits every record in the order of their numbers, as it lies on the LUN. The bytes belong to the visitor for the call only. Stretches in
    /// which nothing is wanted are not read.
    /// </summary>
    public void Visit(Func<ulong, ulong, bool> wanted, RecordVisitor visit)
    {
        var size = _geometry.MftRecordSize;
        var buffer = new byte[BlockLength];
        foreach (var (vcn, lcn, length) in _runs)
        {
            var (start, end) = (vcn * _geometry.ClusterSize, (vcn + length) * _geometry.ClusterSize);
            for (var at = start; at < end && (ulong)(at / size) < Count; at += buffer.Length)
            {
                var block = buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at));
                var first = (ulong)(at / size);
                var after = Math.Min(Count, first + (ulong)(block.Length / size));
                if (!wanted(first, after))
                {
                    continue;
                }

                _image.ReadPages((lcn * _geometry.ClusterSize) + at - start, block);
                for (var number = first; number < after; number++)
                {
                    visit(number, block.Slice((int)(number - first) * size, size));
                }
            }
        }
    }

    private static List<(long Vcn, long Lcn, long Length)> RunsOf(List<MftAttribute> attributes, uint type) =>
        [.. attributes.Where(attribute => attribute.Type == type && attribute.Name.Length == 0 && attribute.Value is null)
            .OrderBy(attribute => attribute.LowestVcn).SelectMany(attribute => attribute.Runs)];

    private bool Unreadable(string why)
    {
        _findings.Tell(FindingKind.TableUnreadable, "$MFT", why);
        return false;
    }

    /// <summary>Adds what the list names in other records. Each of those lies within the runs of the entries before.</summary>
    private bool Follow(MftAttribute list, List<MftAttribute> attributes)
    {
        if (_image.ReadWhole(list) is not { } bytes)
        {
            return Unreadable("its attribute list cannot be read");
        }

        var seen = new HashSet<ulong> { 0 };
        for (var at = 0; at + EntryLengthMin <= bytes.Length;)
        {
            var entry = bytes.AsSpan(at);
            var length = BinaryPrimitives.ReadUInt16LittleEndian(entry[4..]);
            var holder = BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]) & MftRecord.NumberMask;
            if (length < EntryLengthMin)
            {
                return Unreadable("its attribute list is damaged");
            }

            at += length;
            if (!seen.Add(holder))
            {
                continue;
            }

            if (PlaceOf(holder, RunsOf(attributes, MftRecord.Data)) is not { } place || ReadAt(place, holder) is not { IsExtent: true } record
                || (record.Base & MftRecord.NumberMask) != 0)
            {
                return Unreadable($"its attribute list leads to record {holder}, which cannot be read or is another's");
            }

            attributes.AddRange(record.Attributes);
        }

        return true;
    }

    private long? PlaceOf(ulong record, List<(long Vcn, long Lcn, long Length)> runs)
    {
        var offset = (long)record * _geometry.MftRecordSize;
        foreach (var (vcn, lcn, length) in runs)
        {
            var start = vcn * _geometry.ClusterSize;
            if (offset >= start && offset + _geometry.MftRecordSize <= start + (length * _geometry.ClusterSize))
            {
                return (lcn * _geometry.ClusterSize) + offset - start;
            }
        }

        return null;
    }

    private MftRecord? ReadAt(long place, ulong number, Action<FindingKind, string>? problem = null)
    {
        if (place < 0 || place + _geometry.MftRecordSize > _geometry.Clusters * _geometry.ClusterSize)
        {
            return null;
        }

        var bytes = _image.ReadBytes(place, _geometry.MftRecordSize);
        return MftRecord.TryFix(bytes, "FILE"u8) ? MftRecord.Read(bytes, number, problem ?? (static (_, _) => { })) : null;
    }
}
