using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Covol.Protocol.Sessions;

/// <summary>
/// Gathers state changes for one commit, or the whole state for a checkpoint: a sequence of sections, each
/// <c>tag (2 bytes), version (1), length (4), body</c>, little endian. Not thread-safe; reusable after <see cref="Clear"/>.
/// </summary>
public sealed class StateWriter
{
    internal const int HeadLength = 7;
    internal const int LengthAt = 3;

    private readonly ArrayBufferWriter<byte> _bytes = new();
    private byte[] _body = new byte[256];
    private int _bodyLength;
    private bool _inSection;

    /// <summary>What was written; valid until the next write.</summary>
    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    public bool IsEmpty => _bytes.WrittenCount == 0;

    public void Clear()
    {
        Invariant.Holds(!_inSection, "State was cleared in the middle of a section.");
        _bytes.ResetWrittenCount();
    }

    /// <summary>Begins a section; values follow, then <see cref="End"/>. Sections do not nest.</summary>
    /// <param name="tag">What it is about.</param>
    /// <param name="version">Of this section's body, from 1.</param>
    public void Begin(StateTag tag, byte version)
    {
        Invariant.Holds(!_inSection, "A section of state begins inside another.");
        _inSection = true;
        _bodyLength = 0;
        var head = _bytes.GetSpan(HeadLength);
        BinaryPrimitives.WriteUInt16LittleEndian(head, (ushort)tag);
        head[2] = version;
    }

    public void End()
    {
        Invariant.Holds(_inSection, "A section of state ends that did not begin.");
        _inSection = false;
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.GetSpan(HeadLength)[LengthAt..], _bodyLength);
        _bytes.Advance(HeadLength);
        _bytes.Write(_body.AsSpan(0, _bodyLength));
    }

    public void WriteInt64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Take(sizeof(long)), value);

    public void WriteUInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Take(sizeof(ulong)), value);

    public void WriteInt32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Take(sizeof(int)), value);

    public void WriteByte(byte value) => Take(1)[0] = value;

    public void WriteBoolean(bool value) => WriteByte(value ? (byte)1 : (byte)0);

    public void WriteGuid(Guid value) => value.TryWriteBytes(Take(16), bigEndian: true, out _);

    /// <summary>With its length.</summary>
    public void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        WriteInt32(bytes.Length);
        bytes.CopyTo(Take(bytes.Length));
    }

    /// <summary>With its length, as UTF-8.</summary>
    public void WriteString(string text) => WriteBytes(Encoding.UTF8.GetBytes(text));

    private Span<byte> Take(int count)
    {
        Invariant.Holds(_inSection, "State is written outside a section.");
        if (_bodyLength + count > _body.Length)
        {
            Array.Resize(ref _body, Math.Max(_bodyLength + count, _body.Length * 2));
        }

        var taken = _body.AsSpan(_bodyLength, count);
        _bodyLength += count;
        return taken;
    }
}
