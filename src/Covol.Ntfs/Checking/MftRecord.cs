using System.Buffers.Binary;

namespace Covol.Ntfs.Checking;

/// <summary>
/// One MFT record (layout.h, MFT_RECORD) with its attributes. Base is the reference to the base record with its sequence number, 0 for a base
/// record; OwnNumber is what the record says its number is.
/// </summary>
internal sealed record MftRecord(
    ulong Number, ushort Sequence, ushort Links, ushort Flags, ulong Base, uint OwnNumber, List<MftAttribute> Attributes)
{
    public const uint StandardInformation = 0x10;
    public const uint AttributeList = 0x20;
    public const uint FileName = 0x30;
    public const uint ObjectId = 0x40;
    public const uint VolumeInformation = 0x70;
    public const uint Data = 0x80;
    public const uint IndexRoot = 0x90;
    public const uint IndexAllocation = 0xA0;
    public const uint Bitmap = 0xB0;
    public const uint ReparsePoint = 0xC0;
    public const uint EaInformation = 0xD0;
    public const uint Ea = 0xE0;

    public const ulong NumberMask = 0xFFFF_FFFF_FFFF;

    private const uint EndOfAttributes = 0xFFFF_FFFF;
    private const int HeaderLength = 48;

    public bool InUse => (Flags & 1) != 0;

    public bool IsDirectory => (Flags & 2) != 0;

    /// <summary>The reference carries a sequence number, so that of the MFT's own extension records is not 0 either.</summary>
    public bool IsExtent => Base != 0;

    public ulong Reference => Number | ((ulong)Sequence << 48);

    public MftAttribute? Find(uint type, string name = "")
    {
        foreach (var attribute in Attributes)
        {
            if (attribute.Type == type && attribute.LowestVcn == 0 && attribute.Name == name)
            {
                return attribute;
            }
        }

        return null;
    }

    /// <summary>
    /// Undoes the update sequence (the last two bytes of each 512-byte sector are kept elsewhere, and are a number that tells a torn write).
    /// False when it was torn, or is no such record.
    /// </summary>
    public static bool TryFix(Span<byte> record, ReadOnlySpan<byte> magic)
    {
        if (record.Length < HeaderLength || !record[..4].SequenceEqual(magic))
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

    /// <summary>
    /// Reads a record whose fix-ups are undone. What is wrong with it goes to <paramref name="problem"/>; null: nothing can be used.
    /// </summary>
    public static MftRecord? Read(ReadOnlySpan<byte> bytes, ulong number, Action<FindingKind, string> problem)
    {
        var attributes = new List<MftAttribute>(4);
        var at = (int)BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x14..]);
        var used = BinaryPrimitives.ReadInt32LittleEndian(bytes[0x18..]);
        if (used > bytes.Length || used < at || at < HeaderLength - 6)
        {
            problem(FindingKind.RecordDamaged, $"it claims to use {used} of its {bytes.Length} bytes, with attributes from {at}");
            return null;
        }

        var record = new MftRecord(
            number,
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x10..]),
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x12..]),
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[0x20..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[0x2C..]),
            attributes);
        while (at + 4 <= used && BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]) != EndOfAttributes)
        {
            var length = at + 8 <= used ? BinaryPrimitives.ReadInt32LittleEndian(bytes[(at + 4)..]) : 0;
            if (length < 24 || length > used - at || length % 8 != 0)
            {
                problem(FindingKind.RecordDamaged, $"an attribute at its byte {at} has the length {length}");
                return record;
            }

            if (MftAttribute.Read(bytes.Slice(at, length), number, out var wrong) is { } attribute)
            {
                attributes.Add(attribute);
            }
            else
            {
                problem(wrong!.Value.Kind, wrong.Value.What);
            }

            at += length;
        }

        if (at + 4 > used)
        {
            problem(FindingKind.RecordDamaged, "its attributes have no end");
        }

        return record;
    }
}
