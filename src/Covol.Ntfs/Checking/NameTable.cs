using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Covol.Protocol.Journal;

namespace Covol.Ntfs.Checking;

/// <summary>
/// Every FILE_NAME of every file as a 64-bit hash with its record: sixteen bytes a name, sorted once, then looked up from the directories'
/// side. Two names of one hash would hide a difference; among a hundred million names that is one chance in three thousand.
/// </summary>
internal sealed class NameTable
{
    /// <summary>Of a FILE_NAME attribute before its name (layout.h, FILE_NAME_ATTR).</summary>
    public const int HeaderLength = 0x42;

    private const int KindOffset = 0x41;

    private ulong[] _hashes = new ulong[1024];
    private uint[] _records = new uint[1024];
    private ulong[] _found = [];
    private int _count;

    /// <summary>The name in a FILE_NAME attribute's value; null when it is not well formed.</summary>
    public static string? NameIn(ReadOnlySpan<byte> value) =>
        value.Length >= HeaderLength && value[0x40] > 0 && value.Length >= HeaderLength + (value[0x40] * 2)
            ? new string(MemoryMarshal.Cast<byte, char>(value.Slice(HeaderLength, value[0x40] * 2)))
            : null;

    public static ulong ParentIn(ReadOnlySpan<byte> value) => BinaryPrimitives.ReadUInt64LittleEndian(value);

    public void Add(ReadOnlySpan<byte> value, ulong record)
    {
        if (_count == _hashes.Length)
        {
            var room = (int)Math.Min(Array.MaxLength, _count * 2L);
            Array.Resize(ref _hashes, room);
            Array.Resize(ref _records, room);
        }

        _hashes[_count] = HashOf(value, record);
        _records[_count++] = (uint)record;
    }

    public void Sort()
    {
        Array.Sort(_hashes, _records, 0, _count);
        _found = new ulong[(_count + 63) / 64];
    }

    /// <summary>False: the file has no such name.</summary>
    public bool Find(ReadOnlySpan<byte> value, ulong record)
    {
        var index = Array.BinarySearch(_hashes, 0, _count, HashOf(value, record));
        if (index < 0)
        {
            return false;
        }

        _found[index / 64] |= 1UL << (index % 64);
        return true;
    }

    /// <summary>Records of names that no directory had, ascending; one that has several is there as often.</summary>
    public IReadOnlyList<uint> NotFound()
    {
        // A volume whose root is gone may have millions of them.
        var records = new List<uint>();
        for (var index = 0; index < _count; index++)
        {
            if ((_found[index / 64] & (1UL << (index % 64))) == 0)
            {
                records.Add(_records[index]);
            }
        }

        records.Sort();
        return records;
    }

    /// <summary>Whether a directory had this name of the file.</summary>
    public bool WasFound(ReadOnlySpan<byte> value, ulong record)
    {
        var index = Array.BinarySearch(_hashes, 0, _count, HashOf(value, record));
        return index >= 0 && (_found[index / 64] & (1UL << (index % 64))) != 0;
    }

    // Parent, record, namespace and name; the times and sizes in it are the directory's copy and may be older.
    private static ulong HashOf(ReadOnlySpan<byte> value, ulong record)
    {
        Span<byte> key = stackalloc byte[16 + 1 + (255 * 2)];
        value[..8].CopyTo(key);
        BinaryPrimitives.WriteUInt64LittleEndian(key[8..], record);
        key[16] = value[KindOffset];
        var name = value.Slice(HeaderLength, Math.Min(value[0x40] * 2, value.Length - HeaderLength));
        name.CopyTo(key[17..]);
        return Checksum64.Of(key[..(17 + name.Length)]);
    }
}
