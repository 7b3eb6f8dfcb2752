using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Covol.Ntfs.Checking;

/// <summary>One ATTR_RECORD (layout.h), read without libntfs-3g.</summary>
internal sealed record MftAttribute
{
    private const int NonResidentHeaderLength = 64;

    /// <summary>With the size on the disk, which sparse and compressed attributes have behind it.</summary>
    private const int LongHeaderLength = 72;
    private const int UnitMax = 16;

    public required uint Type { get; init; }

    public required string Name { get; init; }

    public required ushort Instance { get; init; }

    /// <summary>The MFT record it lies in, which is an extension record's for some attributes of large files.</summary>
    public required ulong Holder { get; init; }

    /// <summary>The value of a resident attribute.</summary>
    public byte[]? Value { get; init; }

    /// <summary>Of a non-resident one; Lcn -1 is a hole.</summary>
    public List<(long Vcn, long Lcn, long Length)> Runs { get; init; } = [];

    public long LowestVcn { get; init; }

    public long Allocated { get; init; }

    public long Size { get; init; }

    public long Valid { get; init; }

    /// <summary>Compressed in the low byte, encrypted 0x4000, sparse 0x8000 (layout.h, ATTR_FLAGS).</summary>
    public ushort Flags { get; init; }

    /// <summary>Clusters that are compressed together, of a non-resident attribute; 1: none are.</summary>
    public long Unit { get; init; } = 1;

    /// <summary>What it claims to take on the disk, holes not counted; null where it does not say.</summary>
    public long? OnDisk { get; init; }

    public bool IsCompressed => (Flags & 0x00FF) != 0;

    public bool IsSparse => (Flags & 0x8000) != 0;

    /// <summary>Null with what is wrong when the record's bytes are not well formed.</summary>
    public static MftAttribute? Read(ReadOnlySpan<byte> bytes, ulong holder, out (FindingKind Kind, string What)? problem)
    {
        problem = null;
        var type = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        var nameLength = bytes[9];
        var nameOffset = BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]);
        if (nameOffset + (nameLength * 2) > bytes.Length)
        {
            problem = (FindingKind.RecordDamaged, $"the name of its attribute {type:x} lies outside of it");
            return null;
        }

        var common = new MftAttribute
        {
            Type = type,
            Name = nameLength == 0 ? "" : new string(MemoryMarshal.Cast<byte, char>(bytes.Slice(nameOffset, nameLength * 2))),
            Instance = BinaryPrimitives.ReadUInt16LittleEndian(bytes[14..]),
            Holder = holder,
            Flags = BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]),
        };
        return bytes[8] == 0 ? Resident(common, bytes, out problem) : NonResident(common, bytes, out problem);
    }

    private static MftAttribute? Resident(MftAttribute common, ReadOnlySpan<byte> bytes, out (FindingKind Kind, string What)? problem)
    {
        problem = null;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]);
        var offset = BinaryPrimitives.ReadUInt16LittleEndian(bytes[20..]);
        if (offset + (long)length > bytes.Length)
        {
            problem = (FindingKind.RecordDamaged, $"the value of its attribute {common.Type:x} lies outside of it");
            return null;
        }

        return common with { Value = bytes.Slice(offset, (int)length).ToArray(), Size = length, Valid = length };
    }

    private static MftAttribute? NonResident(MftAttribute common, ReadOnlySpan<byte> bytes, out (FindingKind Kind, string What)? problem)
    {
        problem = null;
        var isLong = bytes.Length >= NonResidentHeaderLength;
        var pairsOffset = isLong ? BinaryPrimitives.ReadUInt16LittleEndian(bytes[32..]) : 0;
        var lowest = isLong ? BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]) : 0;
        var runs = pairsOffset >= NonResidentHeaderLength && pairsOffset <= bytes.Length && lowest >= 0
            ? RunList.Decode(bytes[pairsOffset..], lowest)
            : null;
        if (runs is null)
        {
            problem = (FindingKind.RunListDamaged, $"the run list of its attribute {common.Type:x} cannot be read");
            return null;
        }

        var highest = BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]);
        var covered = runs.Count == 0 ? 0 : runs[^1].Vcn + runs[^1].Length - lowest;
        if (covered != highest - lowest + 1)
        {
            problem = (
                FindingKind.RunListDamaged,
                $"the run list of its attribute {common.Type:x} covers {covered} clusters where {highest - lowest + 1} are named");
            return null;
        }

        return common with
        {
            Runs = runs,
            LowestVcn = lowest,
            Allocated = BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]),
            Size = BinaryPrimitives.ReadInt64LittleEndian(bytes[48..]),
            Valid = BinaryPrimitives.ReadInt64LittleEndian(bytes[56..]),
            Unit = 1L << Math.Min((int)bytes[34], UnitMax),
            OnDisk = (common.IsCompressed || common.IsSparse) && pairsOffset >= LongHeaderLength
                ? BinaryPrimitives.ReadInt64LittleEndian(bytes[64..])
                : null,
        };
    }
}
