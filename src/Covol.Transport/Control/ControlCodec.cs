using System.Text.Json;
using System.Text.Json.Nodes;
using Covol.Protocol.Control;

namespace Covol.Transport.Control;

/// <summary>One line each way: <c>{"kind":"AttachVolume", …}</c> and <c>{"ok":true, …}</c>. Throws <see cref="JsonException"/>.</summary>
internal static class ControlCodec
{
    /// <summary>Bytes of a line without its end.</summary>
    public const int LineLengthMax = 256 * 1024;

    private const string Kind = "kind";

    public static byte[] Encode(ControlRequest request)
    {
        var (kind, fields) = request switch
        {
            Attach it => (nameof(AttachVolume), JsonSerializer.SerializeToNode(it.Volume, ControlJson.Default.AttachVolume)!.AsObject()),
            Detach it => (nameof(DetachVolume), JsonSerializer.SerializeToNode(it.Volume, ControlJson.Default.DetachVolume)!.AsObject()),
            QueryMountedVolumes => (nameof(QueryMountedVolumes), new JsonObject()),
            QueryCoordinator => (nameof(QueryCoordinator), new JsonObject()),
            Activate it => (
                nameof(ActivateCoordinator), JsonSerializer.SerializeToNode(it.Order, ControlJson.Default.ActivateCoordinator)!.AsObject()),
            Evict it => (nameof(EvictNode), JsonSerializer.SerializeToNode(it.Order, ControlJson.Default.EvictNode)!.AsObject()),
            CheckVolume => (nameof(CheckVolume), new JsonObject()),
            HandOver => (nameof(HandOver), new JsonObject()),
            Stop => (nameof(Stop), new JsonObject()),
            _ => throw new JsonException($"A {request.GetType().Name} has no place in the control protocol."),
        };
        fields.Insert(0, Kind, kind);
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            fields.WriteTo(writer);
        }

        return stream.ToArray();
    }

    public static ControlRequest DecodeRequest(ReadOnlySpan<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        using var document = JsonDocument.ParseValue(ref reader);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty(Kind, out var kind) || kind.ValueKind != JsonValueKind.String)
        {
            throw new JsonException("A request is an object with a \"kind\".");
        }

        return kind.GetString() switch
        {
            nameof(AttachVolume) => new Attach(root.Deserialize(ControlJson.Default.AttachVolume)!),
            nameof(DetachVolume) => new Detach(root.Deserialize(ControlJson.Default.DetachVolume)!),
            nameof(QueryMountedVolumes) => new QueryMountedVolumes(),
            nameof(QueryCoordinator) => new QueryCoordinator(),
            nameof(ActivateCoordinator) => new Activate(root.Deserialize(ControlJson.Default.ActivateCoordinator)!),
            nameof(EvictNode) => new Evict(root.Deserialize(ControlJson.Default.EvictNode)!),
            nameof(CheckVolume) => new CheckVolume(),
            nameof(HandOver) => new HandOver(),
            nameof(Stop) => new Stop(),
            var other => throw new JsonException($"Nobody knows a request of kind '{other}'."),
        };
    }

    public static byte[] Encode(ControlAnswer answer) => JsonSerializer.SerializeToUtf8Bytes(answer, ControlJson.Default.ControlAnswer);

    public static ControlAnswer DecodeAnswer(ReadOnlySpan<byte> line) =>
        JsonSerializer.Deserialize(line, ControlJson.Default.ControlAnswer) ?? throw new JsonException("An answer is an object.");
}
