using System.Buffers;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Protocol.Wire;
using Shouldly;
using Xunit;

namespace Covol.Tests.Wire;

/// <summary>Bytes that no correct peer sends are refused with a sentence, whatever they are.</summary>
public sealed class Malformed
{
    private static readonly FrameHeader s_header = new(
        FrameKind.Request, new RequestId(new SessionId(1), 2, 3), 4, new Epoch(5), 6, 7);

    [Fact]
    public void The_checksum_is_CRC_32C() =>
        FrameHeader.Checksum("123456789"u8).ShouldBe(0xE306_9283u); // the check value of RFC 3720's polynomial

    [Fact]
    public void A_header_comes_back_as_it_was()
    {
        FrameHeader.Decode(Bytes(s_header)).ShouldBe(s_header);
        Bytes(s_header).AsSpan(0, 4).SequenceEqual("COVL"u8).ShouldBeTrue();
    }

    [Fact]
    public void Every_flipped_bit_of_a_header_is_noticed()
    {
        var bytes = Bytes(s_header);
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Should.Throw<WireFormatException>(() => FrameHeader.Decode(bytes));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Theory]
    [InlineData(0, 0, "another protocol")]
    [InlineData(4, 2, "version 2")]
    [InlineData(5, 99, "kind 99")]
    [InlineData(6, 1, "flags")]
    [InlineData(11, 0x7F, "fields")]
    [InlineData(15, 0x7F, "data")]
    [InlineData(15, 0xFF, "data")]
    [InlineData(43, 0x7F, "slot")]
    [InlineData(31, 0xFF, "sequence")]
    [InlineData(39, 0xFF, "epoch")]
    public void A_header_beyond_the_limits_is_refused_with_a_sentence(int at, byte value, string word)
    {
        var bytes = Bytes(s_header);
        bytes[at] = value;
        BitConverter.TryWriteBytes(bytes.AsSpan(52), FrameHeader.Checksum(bytes.AsSpan(0, 52)));

        Should.Throw<WireFormatException>(() => FrameHeader.Decode(bytes)).Message.ShouldContain(word);
    }

    [Fact]
    public void Kinds_and_values_that_nobody_knows_are_refused()
    {
        Should.Throw<WireFormatException>(() => VolumeCodec.DecodeRequest([])).Message.ShouldContain("kind");
        Should.Throw<WireFormatException>(() => VolumeCodec.DecodeReply([0xFA, 0x3F, 0x00])).Message.ShouldContain("kind");
        Should.Throw<WireFormatException>(() => VolumeCodec.DecodeNotice([0xFF])).Message.ShouldContain("no Notice");
        Should.Throw<WireFormatException>(() => VolumeCodec.DecodeRequest(new byte[WireLimits.FieldsLengthMax + 1]));
        Should.Throw<WireFormatException>(() => RoundTrip(new Refused((VolumeError)99, "x"))).Message.ShouldContain("VolumeError");
        Should.Throw<WireFormatException>(() => RoundTrip(new ReadData(default, default, -1))).Message.ShouldContain("-1");
        Should.Throw<WireFormatException>(() => RoundTrip(new ReadData(default, default, WireLimits.DataLengthMax + 1)));
        Should.Throw<WireFormatException>(() => RoundTrip(new OpenSession(new NodeId(65), default, default, 1, null)))
            .Message.ShouldContain("Node 65");
    }

    [Fact]
    public void Random_bytes_never_do_worse_than_a_refusal()
    {
        var random = new Random(20261122);
        var bytes = new byte[256];
        var refused = 0;
        for (var trial = 0; trial < 30_000; trial++)
        {
            var length = random.Next(bytes.Length);
            random.NextBytes(bytes.AsSpan(0, length));
            refused += TryAll(bytes.AsSpan(0, length));
        }

        refused.ShouldBeGreaterThan(100_000);
    }

    [Fact]
    public void Changed_messages_never_do_worse_than_a_refusal()
    {
        var random = new Random(42);
        var messages = new[] { typeof(VolumeRequest), typeof(VolumeReply), typeof(VolumeNotice) }
            .SelectMany(Samples.KindsOf)
            .Select(kind => Encoded(Samples.Make(kind, random, full: true)))
            .ToArray();
        var understood = 0;
        for (var trial = 0; trial < 30_000; trial++)
        {
            var bytes = messages[random.Next(messages.Length)].AsSpan().ToArray();
            for (var change = random.Next(3); change >= 0 && bytes.Length > 0; change--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            understood += 4 - TryAll(bytes.AsSpan(0, random.Next(8) == 0 ? random.Next(bytes.Length + 1) : bytes.Length));
        }

        understood.ShouldBeInRange(1_000, 100_000);
    }

    private static int TryAll(ReadOnlySpan<byte> bytes)
    {
        var refused = 0;
        try
        {
            VolumeCodec.DecodeRequest(bytes);
        }
        catch (WireFormatException)
        {
            refused++;
        }

        try
        {
            VolumeCodec.DecodeReply(bytes);
        }
        catch (WireFormatException)
        {
            refused++;
        }

        try
        {
            VolumeCodec.DecodeNotice(bytes);
        }
        catch (WireFormatException)
        {
            refused++;
        }

        try
        {
            FrameHeader.Decode(bytes);
        }
        catch (WireFormatException)
        {
            refused++;
        }

        return refused;
    }

    private static byte[] Bytes(FrameHeader header)
    {
        var bytes = new byte[FrameHeader.Length];
        header.Encode(bytes);
        return bytes;
    }

    private static byte[] Encoded(object record)
    {
        var bytes = new ArrayBufferWriter<byte>();
        switch (record)
        {
            case VolumeRequest request:
                VolumeCodec.Encode(request, bytes);
                break;
            case VolumeReply reply:
                VolumeCodec.Encode(reply, bytes);
                break;
            default:
                VolumeCodec.Encode((VolumeNotice)record, bytes);
                break;
        }

        return bytes.WrittenSpan.ToArray();
    }

    private static void RoundTrip(VolumeRequest request) => VolumeCodec.DecodeRequest(Encoded(request));

    private static void RoundTrip(VolumeReply reply) => VolumeCodec.DecodeReply(Encoded(reply));
}
