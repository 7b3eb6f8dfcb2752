using System.Text.Json.Serialization;

namespace Covol.Lab.Bench;

/// <summary>What <c>covol bench --json FILE</c> writes.</summary>
/// <param name="Machine">Where it was measured.</param>
/// <param name="Rounds">Alternating runs of each target.</param>
/// <param name="Seconds">Length of one run.</param>
/// <param name="Results">A row a workload.</param>
public sealed record BenchReport(BenchMachine Machine, int Rounds, int Seconds, IReadOnlyList<BenchResult> Results);

/// <summary>Cores, memory, kernel and disk.</summary>
public sealed record BenchMachine(int Cores, long MemoryBytes, string Kernel, string Disk);

/// <summary>Medians of one workload.</summary>
/// <param name="Name">The workload.</param>
/// <param name="RawIops">On a file beside the LUN, the same disk below.</param>
/// <param name="VolumeIops">On a non-coordinator node's namespace.</param>
/// <param name="Ratio">Volume over raw.</param>
/// <param name="Wanted">The ratio that is wanted; 0: none is set.</param>
/// <param name="RawP50Us">Median latency in microseconds.</param>
/// <param name="VolumeP50Us">Median latency in microseconds.</param>
/// <param name="VolumeP99Us">99th percentile in microseconds.</param>
/// <param name="Collections">Garbage collections of the node's mount process during all runs on the volume together; 0 is wanted.</param>
/// <param name="ProcessorUs">Processor time of the node's mount process for one request, in microseconds.</param>
public sealed record BenchResult(
    string Name,
    double RawIops,
    double VolumeIops,
    double Ratio,
    double Wanted,
    double RawP50Us,
    double VolumeP50Us,
    double VolumeP99Us,
    int Collections,
    double ProcessorUs);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(BenchReport))]
public sealed partial class BenchJson : JsonSerializerContext;
