using System.Buffers.Binary;
using System.Text;

namespace Covol.Protocol.Sessions;

/// <summary>
/// Reads what <see cref="StateWriter"/> wrote: the sections, and with the reader of a section its values in order. Throws
/// <see cref="StateFormatException"/> when they are not there.
/// </summary>
public ref struct StateReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    /// <summary>False at the end. A body that is not read to its end is passed over: a later version may have added values.</summary>
    public bool TryReadSection(out StateTag tag, out byte version, out StateReader body)
    {
        tag = default;
        version = 0;
        body = default;
        if (_rest.IsEmpty)
        {
            return false;
        }

        var head = Take(StateWriter.HeadLength);
        tag = (StateTag)BinaryPrimitives.ReadUInt16LittleEndian(head);
        version = head[2];
        body = new StateReader(Take(BinaryPrimitives.ReadInt32LittleEndian(head[StateWriter.LengthAt..])));
        return true;
    }

    public long ReadInt64() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong)));

    public int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

    public byte ReadByte() => Take(1)[0];

    public bool ReadBoolean() => ReadByte() switch
    {
        0 => false,
        1 => true,
        var other => throw new StateFormatException($"A section of the journalled state has {other} where yes or no is due."),
    };

    public Guid ReadGuid() => new(Take(16), bigEndian: true);

    /// <summary>Points into the bytes that this reader was made of.</summary>
    public ReadOnlySpan<byte> ReadBytes() => Take(ReadInt32());

    public string ReadString() => Encoding.UTF8.GetString(ReadBytes());

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > _rest.Length)
        {
            throw new StateFormatException($"A section of the journalled state ends early: {count} bytes are due, {_rest.Length} are there.");
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
