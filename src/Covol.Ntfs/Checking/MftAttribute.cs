using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Covol.Ntfs.Checking;

/// <summary>One ATTR_RECORD (layout.h), read without libntfs-3g.</summary>
internal sealed record MftAttribute
{
    public required uint Type { get; init; }

    public required string Name { get; init; }

    public required ushort Instance { get; init; }

    /// <summary>The MFT record it lies in, which is an extent's for some attributes of large files.</summary>
    public required ulong Holder { get; init; }

    /// <summary>The value of a resident attribute.</summary>
    public byte[]? Value { get; init; }

    public List<(long Vcn, long Lcn, long Length)> Runs { get; init; } = [];

    public long LowestVcn { get; init; }

    public long Allocated { get; init; }

    public long Size { get; init; }

    public long Valid { get; init; }

    /// <summary>Null with a sentence when the record's bytes are not well formed.</summary>
    public static MftAttribute? Read(ReadOnlySpan<byte> bytes, ulong holder, out string? problem)
    {
        problem = null;
        var nameLength = bytes[9];
        var nameOffset = BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]);
        if (nameOffset + (nameLength * 2) > bytes.Length)
        {
            problem = "an attribute's name lies outside of it";
            return null;
        }

        var common = new MftAttribute
        {
            Type = BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            Name = new string(MemoryMarshal.Cast<byte, char>(bytes.Slice(nameOffset, nameLength * 2))),
            Instance = BinaryPrimitives.ReadUInt16LittleEndian(bytes[14..]),
            Holder = holder,
        };
        return bytes[8] == 0 ? Resident(common, bytes, out problem) : NonResident(common, bytes, out problem);
    }

    private static MftAttribute? Resident(MftAttribute common, ReadOnlySpan<byte> bytes, out string? problem)
    {
        problem = null;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]);
        var offset = BinaryPrimitives.ReadUInt16LittleEndian(bytes[20..]);
        if (offset + length > bytes.Length)
        {
            problem = "a resident value lies outside of its attribute";
            return null;
        }

        return common with { Value = bytes.Slice(offset, (int)length).ToArray(), Size = length, Valid = length };
    }

    private static MftAttribute? NonResident(MftAttribute common, ReadOnlySpan<byte> bytes, out string? problem)
    {
        problem = null;
        var pairsOffset = bytes.Length >= 64 ? BinaryPrimitives.ReadUInt16LittleEndian(bytes[32..]) : 0;
        var lowest = bytes.Length >= 64 ? BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]) : 0;
        var runs = pairsOffset is >= 64 && pairsOffset <= bytes.Length ? RunList.Decode(bytes[pairsOffset..], lowest) : null;
        if (runs is null)
        {
            problem = "a run list is damaged";
            return null;
        }

        var highest = BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]);
        if (runs.Sum(run => run.Length) != highest - lowest + 1)
        {
            problem = $"a run list covers other clusters than {lowest} to {highest}";
            return null;
        }

        return common with
        {
            Runs = runs,
            LowestVcn = lowest,
            Allocated = BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]),
            Size = BinaryPrimitives.ReadInt64LittleEndian(bytes[48..]),
            Valid = BinaryPrimitives.ReadInt64LittleEndian(bytes[56..]),
        };
    }
}
