using System.Buffers.Binary;
using System.Text;

namespace Covol.Ntfs;

/// <summary>
/// Which extended attributes of one inode are too large for NTFS's own (64 KiB for all together), and lie in a named stream each. The list is an
/// extended attribute itself, so that attributes and list change in one step: entries of stream number (4 bytes), length of the value (4), length of
/// the name (1), name in UTF-8; little-endian.
/// </summary>
internal sealed class LargeAttributes
{
    /// <summary>Under "$LX", as owner and mode, which no program sees.</summary>
    public const string ListName = "$LXCOVOL";

    /// <summary>Longer values go to a stream, so that many small ones fit beside each other.</summary>
    public const int SmallMax = 4_096;

    private const int HeaderLength = 9;

    private readonly SortedDictionary<string, (int Stream, int Length)> _entries = new(StringComparer.Ordinal);

    public IEnumerable<string> Names => _entries.Keys;

    public static LargeAttributes Of(ExtendedAttributes extended)
    {
        var large = new LargeAttributes();
        ReadOnlySpan<byte> bytes = extended.Find(ListName);
        while (bytes.Length > HeaderLength && bytes.Length >= HeaderLength + bytes[8])
        {
            var name = Encoding.UTF8.GetString(bytes.Slice(HeaderLength, bytes[8]));
            large._entries[name] = (BinaryPrimitives.ReadInt32LittleEndian(bytes), BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]));
            bytes = bytes[(HeaderLength + bytes[8])..];
        }

        return large;
    }

    public static string StreamName(int number) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"$CovolAttribute{number}");

    public (int Stream, int Length)? Find(string name) => _entries.TryGetValue(name, out var entry) ? entry : null;

    /// <summary>Adds an attribute; answers the number of the stream that it gets, which no other has.</summary>
    public int Add(string name, int length)
    {
        var number = 0;
        while (_entries.Values.Any(entry => entry.Stream == number))
        {
            number++;
        }

        _entries.Add(name, (number, length));
        return number;
    }

    public void Remove(string name) => _entries.Remove(name);

    /// <summary>Puts the list among the extended attributes; an empty one goes.</summary>
    public void StoreIn(ExtendedAttributes extended)
    {
        if (_entries.Count == 0)
        {
            extended.Remove(ListName);
            return;
        }

        using var bytes = new MemoryStream();
        Span<byte> header = stackalloc byte[HeaderLength];
        foreach (var (name, (stream, length)) in _entries)
        {
            var text = Encoding.UTF8.GetBytes(name);
            BinaryPrimitives.WriteInt32LittleEndian(header, stream);
            BinaryPrimitives.WriteInt32LittleEndian(header[4..], length);
            header[8] = (byte)text.Length;
            bytes.Write(header);
            bytes.Write(text);
        }

        extended.Set(ListName, bytes.ToArray());
    }
}
