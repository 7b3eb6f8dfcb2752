using System.Buffers;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Protocol.Wire;

namespace Covol.Tests.Transport;

/// <summary>Frames as a peer sends them that a test plays by hand.</summary>
internal static class Frames
{
    public static byte[] Hello()
    {
        var fields = new ArrayBufferWriter<byte>();
        ConnectionCodec.Encode(new Hello("test", 0, 0), fields);
        return Of(FrameKind.Hello, fields.WrittenSpan);
    }

    public static byte[] Request(VolumeRequest request, int slot = 0, uint tag = 1, int dataLength = 0)
    {
        var fields = new ArrayBufferWriter<byte>();
        VolumeCodec.Encode(request, fields);
        return Of(FrameKind.Request, fields.WrittenSpan, slot, tag, dataLength);
    }

    public static byte[] Of(FrameKind kind, ReadOnlySpan<byte> fields, int slot = 0, uint tag = 0, int dataLength = 0)
    {
        var frame = new byte[FrameHeader.Length + fields.Length + dataLength];
        var id = kind == FrameKind.Request ? new RequestId(new SessionId(5), slot, 1) : default;
        new FrameHeader(kind, id, tag, ScriptedService.Epoch, fields.Length, dataLength).Encode(frame);
        fields.CopyTo(frame.AsSpan(FrameHeader.Length));
        return frame;
    }
}
