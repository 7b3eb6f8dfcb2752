using System.Buffers.Binary;

namespace Covol.Ntfs.Checking;

/// <summary>One B-tree in order, block by block: form, order of the keys, and the bitmap of its blocks.</summary>
internal sealed class IndexWalk
{
    private const int DepthMax = 32;
    private const int HasSubNode = 1;
    private const int IsEnd = 2;
    private const int EntryHeaderLength = 16;
    private const int RootHeaderLength = 16;
    private const int BlockHeaderLength = 24;

    private readonly FindingList _findings;
    private readonly string _where;
    private readonly AttributeContent? _blocks;
    private readonly byte[] _bits;
    private readonly ulong[] _visited;
    private readonly int _blockSize;
    private readonly int _vcnSize;
    private readonly KeyOrder _compare;
    private readonly EntryVisitor _visit;
    private byte[] _before = [];
    private int _beforeLength = -1;

    private IndexWalk(
        FindingList findings,
        string where,
        AttributeContent? blocks,
        byte[] bits,
        int blockSize,
        int vcnSize,
        KeyOrder compare,
        EntryVisitor visit)
    {
        _findings = findings;
        _where = where;
        _blocks = blocks;
        _bits = bits;
        _visited = new ulong[((blocks?.Size ?? 0) / blockSize / 64) + 1];
        _blockSize = blockSize;
        _vcnSize = vcnSize;
        _compare = compare;
        _visit = visit;
    }

    public delegate int KeyOrder(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right);

    /// <param name="entry">The whole INDEX_ENTRY.</param>
    /// <param name="key">Its key, within the entry.</param>
    /// <returns>False: the key cannot be one; the order is not looked at.</returns>
    public delegate bool EntryVisitor(ReadOnlySpan<byte> entry, ReadOnlySpan<byte> key);

    /// <summary>The tree was seen as a whole, whatever else was wrong.</summary>
    private bool IsWhole { get; set; } = true;

    /// <summary>Walks the index of this name. False when a part could not be read, so that entries may be missing.</summary>
    public static bool Run(
        VolumeImage image,
        FindingList findings,
        MftRecord record,
        string name,
        string where,
        IndexRule rule,
        KeyOrder compare,
        EntryVisitor visit)
    {
        if (record.Find(MftRecord.IndexRoot, name)?.Value is not { Length: >= 32 } root)
        {
            findings.Tell(FindingKind.IndexDamaged, where, $"its index {name} has no root");
            return false;
        }

        var blockSize = BinaryPrimitives.ReadInt32LittleEndian(root.AsSpan(8));
        if (blockSize is < 512 or > 65536 || (blockSize & (blockSize - 1)) != 0)
        {
            findings.Tell(FindingKind.IndexDamaged, where, $"its index {name} has blocks of {blockSize} bytes");
            return false;
        }

        // INDEX_ROOT (layout.h): the attribute that is indexed, which is 0 for views, and the order.
        var (type, order) = (BinaryPrimitives.ReadUInt32LittleEndian(root), BinaryPrimitives.ReadUInt32LittleEndian(root.AsSpan(4)));
        if (type != (rule == IndexRule.FileName ? MftRecord.FileName : 0) || order != (uint)rule)
        {
            findings.Tell(
                FindingKind.IndexRule, where, $"its index {name} says that it is one of {type:x} by rule {order:x}, where {(uint)rule:x} is right");
        }

        var parts = record.Attributes.Where(attribute => attribute.Type == MftRecord.IndexAllocation && attribute.Name == name)
            .OrderBy(attribute => attribute.LowestVcn).ToList();
        var blocks = parts.Count == 0 ? null : new AttributeContent(image, parts[0], parts.SelectMany(part => part.Runs));
        var bits = record.Find(MftRecord.Bitmap, name) is { } bitmap ? image.ReadWhole(bitmap) : [];
        if (bits is null || blocks is { Size: < 0 })
        {
            findings.Tell(FindingKind.IndexDamaged, where, $"the bitmap of its index {name} cannot be read");
            return false;
        }

        var walk = new IndexWalk(
            findings, where, blocks, bits, blockSize, Math.Min(image.Geometry.ClusterSize, blockSize), compare, visit);
        walk.Node(root.AsSpan(RootHeaderLength), 0);
        if (walk.IsWhole)
        {
            walk.CheckBits();
        }

        return walk.IsWhole;
    }

    /// <summary>What a view keeps beside a key (layout.h, INDEX_ENTRY_HEADER: offset and length); empty where it is not within.</summary>
    public static ReadOnlySpan<byte> DataOf(ReadOnlySpan<byte> entry)
    {
        var (at, length) = (BinaryPrimitives.ReadUInt16LittleEndian(entry), BinaryPrimitives.ReadUInt16LittleEndian(entry[2..]));
        return at >= EntryHeaderLength && at + length <= entry.Length ? entry.Slice(at, length) : default;
    }

    private void Damaged(FindingKind kind, string what)
    {
        IsWhole = false;
        _findings.Tell(kind, _where, what);
    }

    /// <summary>An INDEX_HEADER and its entries.</summary>
    private void Node(ReadOnlySpan<byte> header, int depth)
    {
        var at = BinaryPrimitives.ReadInt32LittleEndian(header);
        var end = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        if (end > header.Length || at < EntryHeaderLength || at > end || depth > DepthMax)
        {
            Damaged(FindingKind.IndexDamaged, $"a node of its index at depth {depth} claims the bytes {at} to {end} of {header.Length}");
            return;
        }

        while (at + EntryHeaderLength <= end)
        {
            var length = BinaryPrimitives.ReadUInt16LittleEndian(header[(at + 8)..]);
            var flags = BinaryPrimitives.ReadUInt16LittleEndian(header[(at + 12)..]);
            var least = EntryHeaderLength + ((flags & HasSubNode) != 0 ? 8 : 0);
            if (length < least || at + length > end)
            {
                Damaged(FindingKind.IndexDamaged, $"an entry of its index has the length {length}");
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

            Entry(entry);
            at += length;
        }

        Damaged(FindingKind.IndexDamaged, "a node of its index has no end");
    }

    private void Entry(ReadOnlySpan<byte> entry)
    {
        var keyLength = BinaryPrimitives.ReadUInt16LittleEndian(entry[10..]);
        if (EntryHeaderLength + keyLength > entry.Length)
        {
            Damaged(FindingKind.IndexDamaged, $"an entry of its index has a key of {keyLength} bytes in {entry.Length}");
            return;
        }

        var key = entry.Slice(EntryHeaderLength, keyLength);
        if (!_visit(entry, key))
        {
            IsWhole = false;
            return;
        }

        if (_beforeLength >= 0)
        {
            var order = _compare(_before.AsSpan(0, _beforeLength), key);
            if (order >= 0)
            {
                _findings.Tell(
                    order == 0 ? FindingKind.IndexTwice : FindingKind.IndexOrder,
                    _where,
                    order == 0
                        ? $"{Show(key)} is in its index twice"
                        : $"{Show(key)} stands behind {Show(_before.AsSpan(0, _beforeLength))} in its index");
            }
        }

        if (_before.Length < key.Length)
        {
            _before = new byte[Math.Max(1024, (int)keyLength)];
        }

        key.CopyTo(_before);
        _beforeLength = key.Length;
    }

    private void CheckBits()
    {
        for (var block = 0L; block < Math.Max(_bits.Length * 8L, _visited.Length * 64L); block++)
        {
            var isMarked = block / 8 < _bits.Length && (_bits[block / 8] & (1 << (int)(block % 8))) != 0;
            var isVisited = block / 64 < _visited.Length && (_visited[block / 64] & (1UL << (int)(block % 64))) != 0;
            if (isMarked != isVisited)
            {
                _findings.Tell(
                    FindingKind.IndexBitmap,
                    _where,
                    $"block {block} of its index is {(isMarked ? "marked, but not in the tree" : "in the tree, but not marked")}");
            }
        }
    }

    private void Block(long vcn, int depth)
    {
        var number = vcn >= 0 && vcn < long.MaxValue / _vcnSize && vcn * _vcnSize % _blockSize == 0 ? vcn * _vcnSize / _blockSize : -1;
        if (_blocks is null || number < 0 || (number + 1) * _blockSize > _blocks.Size
            || (_visited[number / 64] & (1UL << (int)(number % 64))) != 0)
        {
            Damaged(FindingKind.IndexDamaged, $"an entry of its index leads to block {vcn}, which is not there or was met before");
            return;
        }

        _visited[number / 64] |= 1UL << (int)(number % 64);
        var bytes = new byte[_blockSize];
        if (!_blocks.TryRead(number * _blockSize, bytes) || !MftRecord.TryFix(bytes, "INDX"u8)
            || BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(16)) != vcn)
        {
            Damaged(FindingKind.IndexBlockTorn, $"block {vcn} of its index is torn, or not one");
            return;
        }

        Node(bytes.AsSpan(BlockHeaderLength), depth);
    }

    private static string Show(ReadOnlySpan<byte> key) =>
        NameTable.NameIn(key) is { } name ? $"'{name}'" : $"the key {Convert.ToHexStringLower(key[..Math.Min(key.Length, 16)])}";
}
