using System.Text.Json.Serialization;

namespace Covol.Lab;

/// <summary>What a lab remembers of itself, in <c>D/lab.json</c>.</summary>
/// <param name="Nodes">Its nodes' numbers.</param>
/// <param name="Lun">The LUN's backing file.</param>
/// <param name="Volume">The volume that <c>lab up</c> made.</param>
public sealed record LabFile(IReadOnlyList<int> Nodes, string Lun, string Volume);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(LabFile))]
internal sealed partial class LabJson : JsonSerializerContext;
