using System.Buffers.Binary;

namespace Covol.Ntfs.Checking;

/// <summary>Files whose attributes lie in several records, and the attribute list that says where.</summary>
internal sealed partial class RecordPass
{
    private const int EntryLengthMin = 26;

    private readonly List<(ulong Base, ulong Number)> _extents = [];

    /// <summary>A base record with the attributes of its extension records, as they are there. Null: it cannot be read.</summary>
    public MftRecord? ReadJoined(ulong number, Action<FindingKind, string>? problem = null)
    {
        if (table.Read(number) is not { } record)
        {
            return null;
        }

        var first = _extents.BinarySearch((record.Reference, 0));
        for (var index = first < 0 ? ~first : first; index < _extents.Count && _extents[index].Base == record.Reference; index++)
        {
            if (table.Read(_extents[index].Number, problem) is { } extent)
            {
                record.Attributes.AddRange(extent.Attributes);
            }
        }

        return record;
    }

    /// <summary>A file with extension records: their attributes are put to its own and compared with its list.</summary>
    private void Join(ulong number)
    {
        var isDamaged = false;
        if (ReadJoined(number, (_, _) => isDamaged = true) is not { } record)
        {
            return;
        }

        try
        {
            CheckAttributeList(record, ref isDamaged);
        }
        catch (ContentGoneException)
        {
            isDamaged = true;
            clusters.IsIncomplete = true;
            findings.Skip();
        }

        LookAtFile(record, isDamaged);
    }

    private void CheckAttributeList(MftRecord record, ref bool isDamaged)
    {
        if (image.ReadWhole(record.Find(MftRecord.AttributeList)!) is not { } bytes)
        {
            isDamaged = true;
            clusters.IsIncomplete = true;
            findings.Tell(FindingKind.AttributeList, paths.Of(record.Number), "its attribute list cannot be read");
            return;
        }

        var present = record.Attributes.Where(attribute => attribute.Type != MftRecord.AttributeList)
            .Select(attribute => (attribute.Type, attribute.Instance, attribute.Holder, attribute.LowestVcn)).ToHashSet();
        var listed = new HashSet<(uint, ushort, ulong, long)>();
        for (var at = 0; at + EntryLengthMin <= bytes.Length;)
        {
            var entry = bytes.AsSpan(at);
            var length = BinaryPrimitives.ReadUInt16LittleEndian(entry[4..]);
            if (length < EntryLengthMin)
            {
                findings.Tell(FindingKind.AttributeList, paths.Of(record.Number), $"an entry of its attribute list has the length {length}");
                return;
            }

            var holder = BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]);
            if (states.IsUnknown(holder))
            {
                // What lies there is not known, which was told of that record.
                isDamaged = true;
                return;
            }

            listed.Add((
                BinaryPrimitives.ReadUInt32LittleEndian(entry),
                BinaryPrimitives.ReadUInt16LittleEndian(entry[24..]),
                holder & MftRecord.NumberMask,
                BinaryPrimitives.ReadInt64LittleEndian(entry[8..])));
            at += length;
        }

        if (!listed.SetEquals(present))
        {
            var (absent, unlisted) = (listed.Except(present).Count(), present.Except(listed).Count());
            findings.Tell(
                FindingKind.AttributeList,
                paths.Of(record.Number),
                $"its attribute list names {absent} attributes that are not there, and not {unlisted} that are");
        }
    }
}
