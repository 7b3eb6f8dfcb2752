using System.Text.Json.Serialization;

namespace Covol.Mount.Holding;

/// <summary>What the holder can be asked.</summary>
internal enum HolderRequestKind
{
    /// <summary>Keep this descriptor; an older one of the same volume is closed.</summary>
    Put = 1,

    /// <summary>Give a copy of a volume's descriptor.</summary>
    Get,
    List,

    /// <summary>Close a volume's descriptor.</summary>
    Drop,
}

/// <summary>One request a connection, as JSON; with <see cref="HolderRequestKind.Put"/> a descriptor travels along.</summary>
internal sealed record HolderRequest(HolderRequestKind Kind, string? Volume = null, KeptMount? Mount = null);

/// <summary>The answer; to <see cref="HolderRequestKind.Get"/> with a descriptor.</summary>
internal sealed record HolderAnswer(string? Error = null, IReadOnlyList<KeptMount>? Mounts = null);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(HolderRequest))]
[JsonSerializable(typeof(HolderAnswer))]
internal sealed partial class HolderJson : JsonSerializerContext;
