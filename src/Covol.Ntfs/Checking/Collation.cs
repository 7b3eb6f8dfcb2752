using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Covol.Ntfs.Checking;

/// <summary>The orders of NTFS's indexes (layout.h, COLLATION_RULE).</summary>
internal sealed class Collation
{
    private const int TableLength = 65_536;

    private readonly char[] _upper;

    private Collation(char[] upper) => _upper = upper;

    /// <summary>The table of $UpCase; null, when it cannot be one.</summary>
    public static Collation? Read(ReadOnlySpan<byte> table)
    {
        var upper = MemoryMarshal.Cast<byte, char>(table);
        if (upper.Length != TableLength)
        {
            return null;
        }

        // Other letters differ between versions of Windows; these never did, and each upper case letter stays itself.
        for (var index = 0; index < 128; index++)
        {
            if (upper[index] != char.ToUpperInvariant((char)index))
            {
                return null;
            }
        }

        for (var index = 0; index < TableLength; index++)
        {
            if (upper[upper[index]] != upper[index])
            {
                return null;
            }
        }

        return new Collation(upper.ToArray());
    }

    /// <summary>Names: without case by the volume's own table, then with case.</summary>
    public int Names(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var a = NameOf(left);
        var b = NameOf(right);
        for (var index = 0; index < Math.Min(a.Length, b.Length); index++)
        {
            var difference = _upper[a[index]] - _upper[b[index]];
            if (difference != 0)
            {
                return difference;
            }
        }

        return a.Length != b.Length ? a.Length - b.Length : a.SequenceCompareTo(b);
    }

    /// <summary>COLLATION_NTOFS_ULONG, _ULONGS and _SECURITY_HASH: 32-bit numbers from the first to the last.</summary>
    public static int Numbers(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        for (var at = 0; at + 4 <= Math.Min(left.Length, right.Length); at += 4)
        {
            var order = BinaryPrimitives.ReadUInt32LittleEndian(left[at..]).CompareTo(BinaryPrimitives.ReadUInt32LittleEndian(right[at..]));
            if (order != 0)
            {
                return order;
            }
        }

        return left.Length - right.Length;
    }

    private static ReadOnlySpan<char> NameOf(ReadOnlySpan<byte> key) =>
        MemoryMarshal.Cast<byte, char>(key[NameTable.HeaderLength..(NameTable.HeaderLength + (key[0x40] * 2))]);
}
