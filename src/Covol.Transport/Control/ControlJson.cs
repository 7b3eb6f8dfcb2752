using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;

namespace Covol.Transport.Control;

/// <summary>The JSON of the control socket and of configuration files: source-generated, camelCase, strict.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    MaxDepth = 16,
    Converters = [typeof(NodeIdConverter), typeof(EpochConverter), typeof(ReservationKeyConverter)])]
[JsonSerializable(typeof(AttachVolume))]
[JsonSerializable(typeof(DetachVolume))]
[JsonSerializable(typeof(ActivateCoordinator))]
[JsonSerializable(typeof(EvictNode))]
[JsonSerializable(typeof(ControlAnswer))]
[JsonSerializable(typeof(CoordinatorConfiguration))]
[JsonSerializable(typeof(MountConfiguration))]
internal sealed partial class ControlJson : JsonSerializerContext;

/// <summary>As a plain number.</summary>
internal sealed class NodeIdConverter : JsonConverter<NodeId>
{
    public override NodeId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TryGetInt32(out var number) && number is >= 1 and <= Protocol.Wire.WireLimits.NodesMax
            ? new NodeId(number)
            : throw new JsonException($"A node is a number from 1 to {Protocol.Wire.WireLimits.NodesMax}.");

    public override void Write(Utf8JsonWriter writer, NodeId value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Value);
}

/// <summary>As a plain number.</summary>
internal sealed class EpochConverter : JsonConverter<Epoch>
{
    public override Epoch Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TryGetInt64(out var number) && number >= 0
            ? new Epoch(number)
            : throw new JsonException("An epoch is a number of 0 or more.");

    public override void Write(Utf8JsonWriter writer, Epoch value, JsonSerializerOptions options) => writer.WriteNumberValue(value.Value);
}

/// <summary>As 16 hexadecimal digits: JSON numbers lose bits beyond 2^53 in many programs.</summary>
internal sealed class ReservationKeyConverter : JsonConverter<ReservationKey>
{
    public override ReservationKey Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String
        && ulong.TryParse(reader.GetString(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var key)
            ? new ReservationKey(key)
            : throw new JsonException("A key is a string of up to 16 hexadecimal digits.");

    public override void Write(Utf8JsonWriter writer, ReservationKey value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Value.ToString("x16", CultureInfo.InvariantCulture));
}
