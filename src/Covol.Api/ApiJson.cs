using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Covol.Api.Contracts;

namespace Covol.Api;

/// <summary>The JSON of the API and of <c>covol -o json</c>: camelCase, stable names, absent where null.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip)]
[JsonSerializable(typeof(ClusterView))]
[JsonSerializable(typeof(NodeView))]
[JsonSerializable(typeof(IReadOnlyList<NodeView>))]
[JsonSerializable(typeof(VolumeView))]
[JsonSerializable(typeof(IReadOnlyList<VolumeView>))]
[JsonSerializable(typeof(VolumeStateView))]
[JsonSerializable(typeof(IReadOnlyList<VolumeStateView>))]
[JsonSerializable(typeof(VirtualMachineView))]
[JsonSerializable(typeof(IReadOnlyList<VirtualMachineView>))]
[JsonSerializable(typeof(VirtualMachineDefinition))]
[JsonSerializable(typeof(MigrationView))]
[JsonSerializable(typeof(CheckView))]
[JsonSerializable(typeof(AddVolume))]
[JsonSerializable(typeof(MoveTo))]
[JsonSerializable(typeof(StartOn))]
[JsonSerializable(typeof(ErrorView))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
public sealed partial class ApiJson : JsonSerializerContext
{
    /// <summary>The same, written for people to read.</summary>
    public static ApiJson Indented { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,

        // A terminal or a program reads this, never a web page: an apostrophe stays one.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
