using System.Buffers.Binary;
using System.Numerics;
using Covol.Protocol.Ids;

namespace Covol.Protocol.Wire;

/// <summary>
/// The fixed header before every frame's fields and data; its layout is in this folder's README.md. All numbers are little
/// endian.
/// </summary>
/// <param name="Kind">What follows.</param>
/// <param name="Request">
/// Session, slot and sequence of a request and its answer; zeroes in other frames.
/// </param>
/// <param name="Tag">Chosen by the asking side for each request on a connection and repeated in its answer; 0 in other frames.</param>
/// <param name="Epoch">The coordinator's epoch: the one a request is meant for, the one an answer was given under.</param>
/// <param name="FieldsLength">Bytes of protobuf fields that follow the header.</param>
/// <param name="DataLength">Bytes of redirected data that follow the fields; only requests and answers have any.</param>
public readonly record struct FrameHeader(
    FrameKind Kind, RequestId Request, uint Tag, Epoch Epoch, int FieldsLength, int DataLength)
{
    /// <summary>Bytes of an encoded header.</summary>
    public const int Length = 56;

    /// <summary>"COVL" in memory order.</summary>
    public const uint Magic = 0x4C56_4F43;

    /// <summary>Version 1: the first one.</summary>
    public const byte Version = 1;

    private const int ChecksumAt = Length - sizeof(uint);

    /// <summary>Writes the header to the first <see cref="Length"/> bytes of a target.</summary>
    public void Encode(Span<byte> target)
    {
        Invariant.Holds(FieldsLength is >= 0 and <= WireLimits.FieldsLengthMax, "A frame's fields are longer than the limit.");
        Invariant.Holds(DataLength is >= 0 and <= WireLimits.DataLengthMax, "A frame's data is longer than the limit.");

        BinaryPrimitives.WriteUInt32LittleEndian(target, Magic);
        target[4] = Version;
        target[5] = (byte)Kind;
        BinaryPrimitives.WriteUInt16LittleEndian(target[6..], 0);
        BinaryPrimitives.WriteInt32LittleEndian(target[8..], FieldsLength);
        BinaryPrimitives.WriteInt32LittleEndian(target[12..], DataLength);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], Request.Session.Value);
        BinaryPrimitives.WriteInt64LittleEndian(target[24..], Request.Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(target[32..], Epoch.Value);
        BinaryPrimitives.WriteInt32LittleEndian(target[40..], Request.Slot);
        BinaryPrimitives.WriteUInt32LittleEndian(target[44..], Tag);
        BinaryPrimitives.WriteUInt32LittleEndian(target[48..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(target[ChecksumAt..], Checksum(target[..ChecksumAt]));
    }

    /// <summary>Reads a header. Throws <see cref="WireFormatException"/> with what is wrong.</summary>
    public static FrameHeader Decode(ReadOnlySpan<byte> source)
    {
        if (source.Length < Length)
        {
            throw new WireFormatException($"A frame header has {Length} bytes, not {source.Length}.");
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(source) != Magic)
        {
            throw new WireFormatException("The bytes do not begin a frame: the peer speaks another protocol.");
        }

        if (source[4] != Version)
        {
            throw new WireFormatException($"The peer speaks version {source[4]} of the frame format; this program speaks {Version}.");
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(source[ChecksumAt..]) != Checksum(source[..ChecksumAt]))
        {
            throw new WireFormatException("A frame header's checksum is wrong: the stream is damaged.");
        }

        var header = new FrameHeader(
            (FrameKind)source[5],
            new RequestId(
                new SessionId(BinaryPrimitives.ReadInt64LittleEndian(source[16..])),
                BinaryPrimitives.ReadInt32LittleEndian(source[40..]),
                BinaryPrimitives.ReadInt64LittleEndian(source[24..])),
            BinaryPrimitives.ReadUInt32LittleEndian(source[44..]),
            new Epoch(BinaryPrimitives.ReadInt64LittleEndian(source[32..])),
            BinaryPrimitives.ReadInt32LittleEndian(source[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[12..]));
        header.Validate(BinaryPrimitives.ReadUInt16LittleEndian(source[6..]));
        return header;
    }

    /// <summary>CRC-32C (RFC 3720 12.1) of some bytes.</summary>
    public static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (var value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }

    private void Validate(ushort flags)
    {
        if (flags != 0)
        {
            throw new WireFormatException($"A frame has flags 0x{flags:x4} that this program does not know.");
        }

        if (!Enum.IsDefined(Kind))
        {
            throw new WireFormatException($"A frame is of kind {(byte)Kind}, which this program does not know.");
        }

        if (FieldsLength is < 0 or > WireLimits.FieldsLengthMax)
        {
            throw new WireFormatException($"A frame's fields have {FieldsLength} bytes; at most {WireLimits.FieldsLengthMax} are allowed.");
        }

        if (DataLength is < 0 or > WireLimits.DataLengthMax)
        {
            throw new WireFormatException($"A frame's data has {DataLength} bytes; at most {WireLimits.DataLengthMax} are allowed.");
        }

        if (DataLength > 0 && Kind is not (FrameKind.Request or FrameKind.Answer))
        {
            throw new WireFormatException($"A frame of kind {Kind} carries data.");
        }

        if (Request.Slot is < 0 or >= WireLimits.SlotsMax || Request.Sequence < 0 || Request.Session.Value < 0 || Epoch.Value < 0)
        {
            throw new WireFormatException($"A frame names {Request} and {Epoch}, which cannot be.");
        }
    }
}
