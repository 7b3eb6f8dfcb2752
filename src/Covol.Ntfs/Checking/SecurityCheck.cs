using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Covol.Ntfs.Checking;

/// <summary>
/// $Secure: the stream of descriptors ($SDS, each twice, 256 KiB apart), its indexes by id ($SII) and by hash ($SDH), and the ids that files
/// carry (layout.h, SECURITY_DESCRIPTOR_HEADER and the comments above it).
/// </summary>
internal sealed class SecurityCheck(
    VolumeImage image, MftRecord secure, IReadOnlyDictionary<uint, ulong> used, PathNames paths, FindingList findings)
{
    private const string Where = "$Secure";
    private const int DataOffset = 0;
    private const int HeaderLength = 20;
    private const int CopyDistance = 0x40000;
    private const int DescriptorMax = 0x10000 + HeaderLength;

    private readonly Dictionary<uint, (uint Hash, ulong Offset, uint Length)> _byId = [];
    private readonly HashSet<(uint Hash, uint Id)> _byHash = [];
    private bool _isWhole = true;

    public void Run()
    {
        _isWhole &= IndexWalk.Run(
            image, findings, secure, "$SII", Where, IndexRule.Number, Collation.Numbers, (entry, key) => Take(entry, key, isHash: false));
        _isWhole &= IndexWalk.Run(
            image, findings, secure, "$SDH", Where, IndexRule.SecurityHash, Collation.Numbers, (entry, key) => Take(entry, key, isHash: true));
        if (secure.Find(MftRecord.Data, "$SDS") is not { } stream)
        {
            findings.Tell(FindingKind.SecurityDescriptor, Where, "it has no descriptors ($SDS)");
            return;
        }

        var content = new AttributeContent(image, stream);
        var copies = new AttributeContent(image, stream);
        foreach (var (id, header) in _byId)
        {
            CheckDescriptor(content, copies, id, header);
            if (_isWhole && !_byHash.Contains((header.Hash, id)))
            {
                findings.Tell(FindingKind.SecurityIndex, Where, $"security id {id} is in $SII, but not under its hash in $SDH");
            }
        }

        if (!_isWhole)
        {
            return;
        }

        foreach (var (hash, id) in _byHash.Where(entry => !_byId.TryGetValue(entry.Id, out var other) || other.Hash != entry.Hash))
        {
            if (!_byId.ContainsKey(id))
            {
                findings.Tell(FindingKind.SecurityIndex, Where, $"security id {id} (hash {hash:x8}) is in $SDH, but not in $SII");
            }
        }

        foreach (var (id, record) in used.Where(pair => pair.Key != 0 && !_byId.ContainsKey(pair.Key) && !_byHash.Any(entry => entry.Id == pair.Key)))
        {
            findings.Tell(FindingKind.SecurityUnknown, paths.Of(record), $"it has the security id {id}, which $Secure does not know");
        }
    }

    private bool Take(ReadOnlySpan<byte> entry, ReadOnlySpan<byte> key, bool isHash)
    {
        var at = BinaryPrimitives.ReadUInt16LittleEndian(entry[DataOffset..]);
        var length = BinaryPrimitives.ReadUInt16LittleEndian(entry[(DataOffset + 2)..]);
        if (key.Length != (isHash ? 8 : 4) || length < HeaderLength || at + length > entry.Length)
        {
            findings.Tell(FindingKind.IndexDamaged, Where, $"an entry of {(isHash ? "$SDH" : "$SII")} is damaged");
            return false;
        }

        var data = entry.Slice(at, length);
        var (hash, id) = (BinaryPrimitives.ReadUInt32LittleEndian(data), BinaryPrimitives.ReadUInt32LittleEndian(data[4..]));
        if (isHash)
        {
            _byHash.Add((BinaryPrimitives.ReadUInt32LittleEndian(key), BinaryPrimitives.ReadUInt32LittleEndian(key[4..])));
        }
        else
        {
            var own = BinaryPrimitives.ReadUInt32LittleEndian(key);
            if (own != id)
            {
                findings.Tell(FindingKind.SecurityIndex, Where, $"security id {own} in $SII names the descriptor of {id}");
            }

            _byId[own] = (hash, BinaryPrimitives.ReadUInt64LittleEndian(data[8..]), BinaryPrimitives.ReadUInt32LittleEndian(data[16..]));
        }

        return true;
    }

    private void CheckDescriptor(AttributeContent content, AttributeContent copies, uint id, (uint Hash, ulong Offset, uint Length) header)
    {
        if (header.Length is < HeaderLength or > DescriptorMax || header.Offset > (ulong)content.Size)
        {
            findings.Tell(FindingKind.SecurityIndex, Where, $"$SII has security id {id} at {header.Offset} with {header.Length} bytes");
            return;
        }

        var (bytes, copy) = (new byte[header.Length], new byte[header.Length]);
        if (!content.TryRead((long)header.Offset, bytes))
        {
            findings.Tell(FindingKind.SecurityDescriptor, Where, $"the descriptor of security id {id} cannot be read");
            return;
        }

        var isWhole = BinaryPrimitives.ReadUInt32LittleEndian(bytes) == header.Hash && BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(4)) == id
            && BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8)) == header.Offset
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(16)) == header.Length && HashOf(bytes.AsSpan(HeaderLength)) == header.Hash;
        if (!isWhole)
        {
            findings.Tell(FindingKind.SecurityDescriptor, Where, $"the descriptor of security id {id} does not fit its hash or its entry in $SII");
        }
        else if (!copies.TryRead((long)header.Offset + CopyDistance, copy) || !copy.AsSpan().SequenceEqual(bytes))
        {
            findings.Tell(FindingKind.SecurityDescriptor, Where, $"the copy of the descriptor of security id {id} differs");
        }
    }

    /// <summary>As Windows does: rotate by three, add the next 32 bits.</summary>
    private static uint HashOf(ReadOnlySpan<byte> descriptor)
    {
        var hash = 0U;
        foreach (var word in MemoryMarshal.Cast<byte, uint>(descriptor))
        {
            hash = unchecked(word + BitOperations.RotateLeft(hash, 3));
        }

        return hash;
    }
}
