using System.Text.Json.Serialization;
using Covol.VirtualMachines.Migration;

namespace Covol.Node.VirtualMachines;

/// <summary>Where a destination waits for the guest.</summary>
internal sealed record IncomingAddress(string Address);

/// <summary>When the guest first wrote to its console; null: it did not in time.</summary>
internal sealed record FirstOutput(DateTimeOffset? At);

/// <summary>What the two ends of a migration say to each other between node daemons.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(IncomingAddress))]
[JsonSerializable(typeof(FirstOutput))]
[JsonSerializable(typeof(MigrationReport))]
internal sealed partial class MigrationJson : JsonSerializerContext;
