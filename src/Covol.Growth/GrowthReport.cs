using System.Text.Json.Serialization;

namespace Covol.Growth;

/// <summary>What <c>covol bench --growth --json FILE</c> writes.</summary>
/// <param name="Command">What was called.</param>
/// <param name="Machine">Where it was measured.</param>
/// <param name="Figures">In the order in which they were taken.</param>
internal sealed record GrowthReport(string Command, GrowthMachine Machine, IReadOnlyList<GrowthFigure> Figures);

/// <summary>Cores, memory, kernel and disk.</summary>
internal sealed record GrowthMachine(int Cores, long MemoryBytes, string Kernel, string Disk);

/// <summary>One figure.</summary>
/// <param name="Grows">What becomes more: <c>sessions</c>, <c>open files</c>, <c>extents</c>.</param>
/// <param name="Count">So many of it.</param>
/// <param name="Measure">What was measured, a sentence's part.</param>
/// <param name="Value">Median of single operations, or a total.</param>
/// <param name="Unit">Of the value.</param>
internal sealed record GrowthFigure(string Grows, int Count, string Measure, double Value, string Unit);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(GrowthReport))]
internal sealed partial class GrowthJson : JsonSerializerContext;
