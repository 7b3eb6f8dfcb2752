using System.Text.Json.Serialization;

namespace Covol.Lab.Demo;

/// <summary>What <c>covol demo --json FILE</c> writes. Names and meanings are stable.</summary>
/// <param name="Ok">Nothing was lost and every step did what it should.</param>
/// <param name="Failure">The first thing that went wrong; absent when nothing did.</param>
/// <param name="Migrations">Each live migration, in order.</param>
/// <param name="CoordinatorKill">What the loss of the coordinator's node cost.</param>
/// <param name="Guest">What the guest saw and what lay on its disk afterwards.</param>
/// <param name="Volume">How data went, and what independent tools say of the volume.</param>
public sealed record DemoReport(
    bool Ok,
    string? Failure,
    IReadOnlyList<DemoMigration> Migrations,
    DemoCoordinatorKill? CoordinatorKill,
    DemoGuest? Guest,
    DemoVolume? Volume);

/// <summary>A live migration. Times in milliseconds; <paramref name="BlackoutMs"/> is measured from outside.</summary>
public sealed record DemoMigration(string From, string To, long TotalMs, long DowntimeMs, long BlackoutMs);

/// <summary>The coordinator's node was killed.</summary>
/// <param name="DetectMs">From the kill until a surviving node claimed a new epoch.</param>
/// <param name="TakeoverMs">From the kill until the new coordinator served.</param>
/// <param name="GuestPauseMs">The guest's longest time between two finished writes around the kill.</param>
/// <param name="MetadataPauseMs">The prober's longest wait for create, rename and delete on a surviving node.</param>
public sealed record DemoCoordinatorKill(long DetectMs, long TakeoverMs, long GuestPauseMs, long MetadataPauseMs);

/// <summary>The checking writer in the guest.</summary>
public sealed record DemoGuest(long Writes, long LostWrites, long BadChecksums, long IoErrors, long MaxPauseMs);

/// <summary>The volume afterwards.</summary>
public sealed record DemoVolume(long DirectBytes, long RedirectedBytes, int CheckErrors, bool ExternalToolsOk);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    WriteIndented = true)]
[JsonSerializable(typeof(DemoReport))]
public sealed partial class DemoJson : JsonSerializerContext;
