using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Covol.Ntfs.Checking;

/// <summary>Directory indexes ($I30) against the FILE_NAME attributes of the files, both ways, and their order.</summary>
internal sealed class NameCheck(VolumeImage image, Dictionary<ulong, MftRecord> records, Action<string> tell)
{
    private const uint FileName = 0x30;
    private const uint IndexRoot = 0x90;
    private const uint IndexAllocation = 0xA0;
    private const uint Bitmap = 0xB0;
    private const uint Data = 0x80;
    private const string I30 = "$I30";
    private const ulong UpCase = 10;
    private const int DepthMax = 32;
    private const int HasSubNode = 1;
    private const int IsEnd = 2;

    private readonly HashSet<(ulong Directory, ulong Record, string Name, byte Kind)> _indexed = [];
    private char[] _upper = [];

    /// <summary>The name in a FILE_NAME attribute's value.</summary>
    public static string NameIn(ReadOnlySpan<byte> value) =>
        value.Length >= 0x42 && value.Length >= 0x42 + (value[0x40] * 2)
            ? new string(MemoryMarshal.Cast<byte, char>(value.Slice(0x42, value[0x40] * 2)))
            : string.Empty;

    public void Run()
    {
        if (records.GetValueOrDefault(UpCase)?.Find(Data) is { } table && image.ReadAttribute(table) is { } bytes)
        {
            _upper = MemoryMarshal.Cast<byte, char>(bytes).ToArray();
        }

        foreach (var directory in records.Values.Where(record => record.IsDirectory && record.Find(IndexRoot, I30) is not null))
        {
            CheckIndex(directory);
        }

        foreach (var record in records.Values)
        {
            CheckNames(record);
        }
    }

    private void CheckNames(MftRecord record)
    {
        var names = record.Attributes.Where(attribute => attribute.Type == FileName && attribute.Value is not null).ToList();
        if (names.Count != record.Links && record.Number >= 24)
        {
            tell($"record {record.Number}: it counts {record.Links} links and has {names.Count} names");
        }

        foreach (var name in names)
        {
            var value = name.Value!;
            var parent = BinaryPrimitives.ReadUInt64LittleEndian(value) & 0xFFFF_FFFF_FFFF;
            if (record.Number >= 24 && !_indexed.Remove((parent, record.Number, NameIn(value), value[0x41])))
            {
                tell($"record {record.Number}: its name '{NameIn(value)}' is not in directory {parent}");
            }
        }
    }

    private void CheckIndex(MftRecord directory)
    {
        var root = directory.Find(IndexRoot, I30)!.Value;
        if (root is null || root.Length < 32)
        {
            tell($"directory {directory.Number}: its index has no root");
            return;
        }

        var parts = directory.Attributes.Where(attribute => attribute.Type == IndexAllocation && attribute.Name == I30).ToList();
        var first = parts.FirstOrDefault(part => part.LowestVcn == 0);
        var blocks = first is null ? [] : image.ReadAttribute(first, parts.SelectMany(part => part.Runs));
        var bits = directory.Find(Bitmap, I30) is { } bitmap ? image.ReadAttribute(bitmap) : [];
        if (blocks is null || bits is null)
        {
            tell($"directory {directory.Number}: its index cannot be read");
            return;
        }

        var blockSize = BinaryPrimitives.ReadInt32LittleEndian(root.AsSpan(8));
        if (blockSize is < 512 or > 65536)
        {
            tell($"directory {directory.Number}: its index has blocks of {blockSize} bytes");
            return;
        }

        var walk = new IndexWalk(this, directory.Number, blocks, bits, blockSize, Math.Min(image.Geometry.ClusterSize, blockSize));
        walk.Node(root.AsSpan(16), 0);
        walk.CheckBits();
    }

    private void Entry(ulong directory, ReadOnlySpan<byte> entry, ref string? before)
    {
        var reference = BinaryPrimitives.ReadUInt64LittleEndian(entry);
        var keyLength = BinaryPrimitives.ReadUInt16LittleEndian(entry[10..]);
        if (16 + keyLength > entry.Length)
        {
            tell($"directory {directory}: an entry is damaged");
            return;
        }

        var key = entry.Slice(16, keyLength).ToArray();
        var name = NameIn(key);
        if (before is not null && Compare(before, name) >= 0)
        {
            tell($"directory {directory}: '{name}' is behind '{before}'");
        }

        before = name;
        var number = reference & 0xFFFF_FFFF_FFFF;
        if (!records.TryGetValue(number, out var record) || record.Sequence != (ushort)(reference >> 48))
        {
            tell($"directory {directory}: '{name}' leads to record {number}, which is free or another file's by now");
            return;
        }

        if (number >= 24 && !record.Attributes.Any(attribute => attribute.Type == FileName && attribute.Value is { } value
            && value[0x41] == key[0x41] && NameIn(value) == name && value.AsSpan(0, 8).SequenceEqual(key.AsSpan(0, 8))))
        {
            tell($"directory {directory}: '{name}' leads to record {number}, which has no such name");
        }

        if (!_indexed.Add((directory, number, name, key[0x41])))
        {
            tell($"directory {directory}: '{name}' is in it twice");
        }
    }

    /// <summary>NTFS's order: without case by the volume's own table, then with case.</summary>
    private int Compare(string left, string right)
    {
        for (var index = 0; index < Math.Min(left.Length, right.Length); index++)
        {
            var difference = Upper(left[index]) - Upper(right[index]);
            if (difference != 0)
            {
                return difference;
            }
        }

        return left.Length != right.Length ? left.Length - right.Length : string.CompareOrdinal(left, right);
    }

    private char Upper(char character) => character < _upper.Length ? _upper[character] : character;

    /// <summary>One B-tree in order.</summary>
    private sealed class IndexWalk(NameCheck check, ulong directory, byte[] blocks, byte[] bits, int blockSize, int vcnSize)
    {
        private readonly HashSet<long> _visited = [];
        private string? _before;

        /// <summary>An INDEX_HEADER and its entries.</summary>
        public void Node(ReadOnlySpan<byte> header, int depth)
        {
            var at = BinaryPrimitives.ReadInt32LittleEndian(header);
            var end = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
            if (end > header.Length || at < 16 || depth > DepthMax)
            {
                check.Report($"directory {directory}: an index node is damaged");
                return;
            }

            while (at + 16 <= end)
            {
                var length = BinaryPrimitives.ReadUInt16LittleEndian(header[(at + 8)..]);
                var flags = BinaryPrimitives.ReadUInt16LittleEndian(header[(at + 12)..]);
                if (length < 16 || at + length > end)
                {
                    check.Report($"directory {directory}: an index entry is damaged");
                    return;
                }

                var entry = header.Slice(at, length);
                if ((flags & HasSubNode) != 0)
                {
                    Block(BinaryPrimitives.ReadInt64LittleEndian(entry[^8..]), depth + 1);
                }

                if ((flags & IsEnd) != 0)
                {
                    return;
                }

                check.Entry(directory, entry, ref _before);
                at += length;
            }

            check.Report($"directory {directory}: an index node has no end");
        }

        public void CheckBits()
        {
            for (var block = 0L; block < bits.Length * 8L; block++)
            {
                var marked = (bits[block / 8] & (1 << (int)(block % 8))) != 0;
                if (marked != _visited.Contains(block))
                {
                    check.Report(
                        $"directory {directory}: index block {block} is {(marked ? "marked but not in the tree" : "in the tree but not marked")}");
                }
            }
        }

        private void Block(long vcn, int depth)
        {
            var offset = vcn * vcnSize;
            if (offset < 0 || offset % blockSize != 0 || offset + blockSize > blocks.Length || !_visited.Add(offset / blockSize))
            {
                check.Report($"directory {directory}: an index entry leads to block {vcn}, which is not there or was met before");
                return;
            }

            var bytes = blocks.AsSpan((int)offset, blockSize).ToArray();
            if (!MftRecord.TryFix(bytes, "INDX"u8) || BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(16)) != vcn)
            {
                check.Report($"directory {directory}: index block {vcn} is torn or not one");
                return;
            }

            Node(bytes.AsSpan(24), depth);
        }
    }

    private void Report(string problem) => tell(problem);
}
