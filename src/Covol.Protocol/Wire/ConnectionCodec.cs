using System.Buffers;
using Google.Protobuf;
using Pb = Covol.Protocol.Wire.Messages;

namespace Covol.Protocol.Wire;

/// <summary>First words of each side of a connection.</summary>
/// <param name="Program">Name and version, for logs.</param>
/// <param name="CallsMax">Calls that may be in flight; 0 from the asking side.</param>
/// <param name="DataCallsMax">Calls with redirected data that may be in flight; 0 from the asking side.</param>
/// <param name="Volume">Which volume this side asks for or serves; empty where it does not say.</param>
public sealed record Hello(string Program, int CallsMax, int DataCallsMax, string Volume = "");

/// <summary>The fields of hello and goodbye frames.</summary>
public static class ConnectionCodec
{
    private const int TextLengthMax = 4096;

    public static void Encode(Hello hello, IBufferWriter<byte> target) => new Pb.Hello
    {
        Program = Clip(hello.Program),
        CallsMax = hello.CallsMax,
        DataCallsMax = hello.DataCallsMax,
        Volume = Clip(hello.Volume),
    }.WriteTo(target);

    public static Hello DecodeHello(ReadOnlySpan<byte> fields)
    {
        var message = VolumeCodec.Parse(Pb.Hello.Parser, fields);
        return new Hello(
            Clip(message.Program),
            WireValues.Count(message.CallsMax, "calls"),
            WireValues.Count(message.DataCallsMax, "data calls"),
            Clip(message.Volume));
    }

    public static void EncodeGoodbye(string reason, IBufferWriter<byte> target) =>
        new Pb.Goodbye { Reason = Clip(reason) }.WriteTo(target);

    public static string DecodeGoodbye(ReadOnlySpan<byte> fields) => Clip(VolumeCodec.Parse(Pb.Goodbye.Parser, fields).Reason);

    private static string Clip(string text) => text.Length <= TextLengthMax ? text : text[..TextLengthMax];
}
