using System.Buffers;
using Covol.Protocol.Volume;
using Google.Protobuf;
using Pb = Covol.Protocol.Wire.Messages;

namespace Covol.Protocol.Wire;

/// <summary>
/// The records of the volume protocol as bytes and back. Pure; any thread. Decoding throws <see cref="WireFormatException"/> for
/// everything that is not a message a correct peer sends, and nothing else. Encoding throws it when a message is longer than
/// <see cref="WireLimits.FieldsLengthMax"/>: <c>SizeOf</c> tells before.
/// </summary>
public static partial class VolumeCodec
{
    public static void Encode(VolumeRequest request, IBufferWriter<byte> target) => Write(ToWire(request), request, target);

    public static void Encode(VolumeReply reply, IBufferWriter<byte> target) => Write(ToWire(reply), reply, target);

    public static void Encode(VolumeNotice notice, IBufferWriter<byte> target) => Write(ToWire(notice), notice, target);

    /// <summary>Bytes that a request's fields take, for whoever cuts a long one into parts.</summary>
    public static int SizeOf(VolumeRequest request) => ToWire(request).CalculateSize();

    /// <summary>Bytes that a reply's fields take, for whoever fills a directory page or a layout up to the limit.</summary>
    public static int SizeOf(VolumeReply reply) => ToWire(reply).CalculateSize();

    public static VolumeRequest DecodeRequest(ReadOnlySpan<byte> fields) => FromWire(Parse(Pb.Request.Parser, fields));

    public static VolumeReply DecodeReply(ReadOnlySpan<byte> fields) => FromWire(Parse(Pb.Reply.Parser, fields));

    public static VolumeNotice DecodeNotice(ReadOnlySpan<byte> fields) => FromWire(Parse(Pb.Notice.Parser, fields));

    internal static T Parse<T>(MessageParser<T> parser, ReadOnlySpan<byte> fields)
        where T : IMessage<T>
    {
        if (fields.Length > WireLimits.FieldsLengthMax)
        {
            throw new WireFormatException($"A message has {fields.Length} bytes; at most {WireLimits.FieldsLengthMax} are allowed.");
        }

        try
        {
            return parser.ParseFrom(fields);
        }
        catch (InvalidProtocolBufferException failure)
        {
            throw new WireFormatException($"The bytes are no {typeof(T).Name}: {failure.Message}", failure);
        }
    }

    private static void Write(IMessage message, object record, IBufferWriter<byte> target)
    {
        var size = message.CalculateSize();
        if (size > WireLimits.FieldsLengthMax)
        {
            throw new WireFormatException(
                $"A {record.GetType().Name} of {size} bytes is too long to send; at most {WireLimits.FieldsLengthMax} are allowed.");
        }

        message.WriteTo(target);
    }
}
