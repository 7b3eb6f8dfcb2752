using System.Buffers.Binary;

namespace Covol.Ntfs.Checking;

/// <summary>One MFT record (layout.h, MFT_RECORD) with its attributes.</summary>
internal sealed record MftRecord(
    ulong Number,
    ushort Sequence,
    ushort Links,
    bool InUse,
    bool IsDirectory,
    bool IsExtent,
    ulong Base,
    List<MftAttribute> Attributes)
{
    private const uint EndOfAttributes = 0xFFFF_FFFF;

    public MftAttribute? Find(uint type, string name = "") =>
        Attributes.FirstOrDefault(attribute => attribute.Type == type && attribute.Name == name && attribute.LowestVcn == 0);

    /// <summary>
    /// Undoes the update sequence (the last two bytes of each 512-byte sector are kept elsewhere, and are a number that tells
    /// a torn write).
    /// False when it was torn, or is no such record.
    /// </summary>
    public static bool TryFix(Span<byte> record, ReadOnlySpan<byte> magic)
    {
        if (record.Length < 48 || !record[..4].SequenceEqual(magic))
        {
            return false;
        }

        var offset = BinaryPrimitives.ReadUInt16LittleEndian(record[4..]);
        var count = BinaryPrimitives.ReadUInt16LittleEndian(record[6..]);
        if (count != (record.Length / 512) + 1 || offset + (count * 2) > 510)
        {
            return false;
        }

        for (var sector = 1; sector < count; sector++)
        {
            var end = record.Slice((sector * 512) - 2, 2);
            if (!end.SequenceEqual(record.Slice(offset, 2)))
            {
                return false;
            }

            record.Slice(offset + (sector * 2), 2).CopyTo(end);
        }

        return true;
    }

    /// <summary>Reads a record whose fix-ups are undone.</summary>
    public static MftRecord? Read(ReadOnlySpan<byte> bytes, ulong number, Action<string> problem)
    {
        var attributes = new List<MftAttribute>();
        var at = (int)BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x14..]);
        var used = BinaryPrimitives.ReadInt32LittleEndian(bytes[0x18..]);
        var flags = BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x16..]);
        if (used > bytes.Length || used < at)
        {
            problem($"record {number}: it claims to use {used} bytes");
            return null;
        }

        while (at + 8 <= used && BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]) != EndOfAttributes)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes[(at + 4)..]);
            if (length < 24 || length > used - at || length % 8 != 0)
            {
                problem($"record {number}: an attribute has the length {length}");
                return null;
            }

            if (MftAttribute.Read(bytes.Slice(at, length), number, out var wrong) is { } attribute)
            {
                attributes.Add(attribute);
            }
            else
            {
                problem($"record {number}: {wrong}");
            }

            at += length;
        }

        if (at + 8 > used)
        {
            problem($"record {number}: its attributes have no end");
        }

        return new MftRecord(
            number,
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x10..]),
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x12..]),
            (flags & 1) != 0,
            (flags & 2) != 0,

            // The reference to the base record carries a sequence number, so that of the MFT's own extents is not 0 either.
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[0x20..]) != 0,
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[0x20..]) & 0xFFFF_FFFF_FFFF,
            attributes);
    }
}
