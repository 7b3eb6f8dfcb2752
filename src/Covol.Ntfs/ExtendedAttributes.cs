using System.Buffers.Binary;
using System.Text;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>
/// The extended attributes of one inode as NTFS keeps them: FILE_FULL_EA_INFORMATION entries (MS-FSCC 2.4.15), where on disk
/// the last one
/// too tells the way to the next. Owner, group and mode are among them under the names that WSL and the kernel's ntfs3 use.
/// </summary>
internal sealed class ExtendedAttributes
{
    public const string Owner = "$LXUID";
    public const string Group = "$LXGID";
    public const string Mode = "$LXMOD";
    public const string Device = "$LXDEV";

    /// <summary>All entries together (EA_INFORMATION counts them with 16 bits).</summary>
    public const int LengthMax = 65_535;

    private const int NameLengthMax = 255;
    private const int HeaderLength = 8;

    /// <summary>
    /// Names are kept as they are too: one of Windows' in a code page is no UTF-8, and must be the same after we wrote the rest.
    /// </summary>
    private readonly List<(string Name, byte[] Bytes, byte Flags, byte[] Value)> _entries = [];

    public IEnumerable<string> Names => _entries.Select(entry => entry.Name);

    public bool IsEmpty => _entries.Count == 0;

    /// <summary>Reads what is well formed; a damaged rest is left out, as Windows does.</summary>
    public static ExtendedAttributes Decode(ReadOnlySpan<byte> bytes)
    {
        var attributes = new ExtendedAttributes();
        while (bytes.Length >= HeaderLength)
        {
            var next = BinaryPrimitives.ReadInt32LittleEndian(bytes);
            var nameLength = bytes[5];
            var valueLength = BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]);
            if (HeaderLength + nameLength + 1 + valueLength > bytes.Length)
            {
                break;
            }

            attributes._entries.Add((
                Encoding.UTF8.GetString(bytes.Slice(HeaderLength, nameLength)),
                bytes.Slice(HeaderLength, nameLength).ToArray(),
                bytes[4],
                bytes.Slice(HeaderLength + nameLength + 1, valueLength).ToArray()));
            if (next < HeaderLength || next >= bytes.Length)
            {
                break;
            }

            bytes = bytes[next..];
        }

        return attributes;
    }

    /// <summary>Throws NoSpace when they are more than an inode can carry.</summary>
    public byte[] Encode()
    {
        var length = _entries.Sum(entry => EntryLength(entry.Bytes, entry.Value));
        if (length > LengthMax)
        {
            throw new VolumeException(
                VolumeError.NoSpace, $"The extended attributes of one file take at most {LengthMax} bytes together on NTFS, not {length}.");
        }

        var bytes = new byte[length];
        var at = 0;
        foreach (var (_, name, flags, value) in _entries)
        {
            var entry = bytes.AsSpan(at, EntryLength(name, value));
            BinaryPrimitives.WriteInt32LittleEndian(entry, entry.Length);
            entry[4] = flags;
            entry[5] = (byte)name.Length;
            name.CopyTo(entry[HeaderLength..]);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[6..], (ushort)value.Length);
            value.CopyTo(entry[(HeaderLength + entry[5] + 1)..]);
            at += entry.Length;
        }

        return bytes;
    }

    public byte[]? Find(string name) => _entries.FirstOrDefault(entry => entry.Name == name).Value;

    public uint? Number(string name) =>
        Find(name) is { Length: 4 } value ? BinaryPrimitives.ReadUInt32LittleEndian(value) : null;

    public void Set(string name, ReadOnlySpan<byte> value)
    {
        CheckName(name);
        if (value.Length > LengthMax)
        {
            throw new VolumeException(
                VolumeError.NoSpace, $"An extended attribute of {value.Length} bytes is larger than NTFS can keep.");
        }

        var index = _entries.FindIndex(entry => entry.Name == name);
        if (index < 0)
        {
            _entries.Add((name, Encoding.UTF8.GetBytes(name), 0, value.ToArray()));
        }
        else
        {
            _entries[index] = _entries[index] with { Value = value.ToArray() };
        }
    }

    public static void CheckName(string name)
    {
        if (Encoding.UTF8.GetByteCount(name) is 0 or > NameLengthMax)
        {
            throw new VolumeException(VolumeError.InvalidArgument, "The name of an extended attribute has 1 to 255 bytes.");
        }
    }

    public void SetNumber(string name, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        Set(name, bytes);
    }

    public bool Remove(string name) => _entries.RemoveAll(entry => entry.Name == name) > 0;

    private static int EntryLength(byte[] name, byte[] value) => (HeaderLength + name.Length + 1 + value.Length + 3) & ~3;
}
