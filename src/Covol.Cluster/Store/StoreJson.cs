using System.Text.Json;
using System.Text.Json.Serialization;
using Covol.Protocol.Ids;
using Covol.Protocol.Store;

namespace Covol.Cluster.Store;

/// <summary>
/// The JSON of the store's values: camelCase, ids as plain numbers, keys as 16 hexadecimal digits. Unknown members are ignored and
/// missing ones take their defaults, so that nodes of neighbouring versions read each other.
/// </summary>
public static class StoreJson
{
    public static string Write<T>(T record) => JsonSerializer.Serialize(record, typeof(T), StoreJsonContext.Default);

    /// <summary>Throws <see cref="StoreRefusedException"/> when the value is not what it should be.</summary>
    public static T Read<T>(StoreEntry entry)
    {
        try
        {
            return (T)(JsonSerializer.Deserialize(entry.Value, typeof(T), StoreJsonContext.Default)
                ?? throw new JsonException("It is null."));
        }
        catch (JsonException failure)
        {
            throw new StoreRefusedException(
                $"The cluster store's key '{entry.Key}' does not hold a {typeof(T).Name}: {failure.Message}", failure);
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(NodeIdJson), typeof(EpochJson), typeof(ReservationKeyJson)])]
[JsonSerializable(typeof(ClusterRecord))]
[JsonSerializable(typeof(MemberRecord))]
[JsonSerializable(typeof(MemberLifeRecord))]
[JsonSerializable(typeof(EvictionRecord))]
[JsonSerializable(typeof(VolumeRecord))]
[JsonSerializable(typeof(OwnershipRecord))]
[JsonSerializable(typeof(MoveOrder))]
[JsonSerializable(typeof(VirtualMachineRecord))]
internal sealed partial class StoreJsonContext : JsonSerializerContext;

internal sealed class NodeIdJson : JsonConverter<NodeId>
{
    public override NodeId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(reader.GetInt32());

    public override void Write(Utf8JsonWriter writer, NodeId value, JsonSerializerOptions options) =>
        writer.WriteNumberValue(value.Value);
}

internal sealed class EpochJson : JsonConverter<Epoch>
{
    public override Epoch Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(reader.GetInt64());

    public override void Write(Utf8JsonWriter writer, Epoch value, JsonSerializerOptions options) =>
        writer.WriteNumberValue(value.Value);
}

internal sealed class ReservationKeyJson : JsonConverter<ReservationKey>
{
    public override ReservationKey Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        ulong.TryParse(
            reader.GetString(),
            System.Globalization.NumberStyles.AllowHexSpecifier,
            System.Globalization.CultureInfo.InvariantCulture,
            out var key)
            ? new ReservationKey(key)
            : throw new JsonException("A reservation key is 16 hexadecimal digits.");

    public override void Write(Utf8JsonWriter writer, ReservationKey value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.Value.ToString("x16", System.Globalization.CultureInfo.InvariantCulture));
}
