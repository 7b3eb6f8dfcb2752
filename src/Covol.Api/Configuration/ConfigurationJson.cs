using System.Text.Json.Serialization;

namespace Covol.Api.Configuration;

/// <summary>JSON of configuration files: camelCase, comments allowed, an unknown name is an error (it is a typing mistake).</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    ReadCommentHandling = System.Text.Json.JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    RespectRequiredConstructorParameters = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(NodeConfiguration))]
public sealed partial class ConfigurationJson : JsonSerializerContext;
