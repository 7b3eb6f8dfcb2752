using System.Text.Json.Serialization;

namespace Covol.Lab.Bench;

/// <summary>What <c>covol bench --json FILE</c> writes.</summary>
/// <param name="Command">What was called.</param>
/// <param name="Machine">Where it was measured.</param>
/// <param name="Rounds">Alternating runs of each target.</param>
/// <param name="Seconds">Length of one run, where the work does not say it.</param>
/// <param name="Results">A row a workload and target.</param>
public sealed record BenchReport(string Command, BenchMachine Machine, int Rounds, int Seconds, IReadOnlyList<BenchResult> Results);

/// <summary>Cores, memory, kernel and disk.</summary>
public sealed record BenchMachine(int Cores, long MemoryBytes, string Kernel, string Disk);

/// <summary>Medians of one workload on one target.</summary>
/// <param name="Workload">Its name.</param>
/// <param name="Target">
/// <c>raw</c>: files beside the LUN, the same disk below. <c>coordinator</c>, <c>node</c>: the namespace of the coordinator's node and of
/// another one. <c>two-nodes</c>: both at once, half of the work each; with it, <c>node</c> and <c>raw</c> do both halves. With
/// <c>--peers</c> also <c>ntfs-3g</c> and <c>qemu-storage-daemon</c>.
/// </param>
/// <param name="PerSecond">Requests, operations or (of a tree) files a second.</param>
/// <param name="Ratio">To raw.</param>
/// <param name="WantedRatio">The ratio that is wanted; 0: none is set.</param>
/// <param name="WantedPerSecond">The speed that is wanted; 0: none is set.</param>
/// <param name="P50Us">Median latency in microseconds; of a mix, of its reads; null: a program did it all at once.</param>
/// <param name="P99Us">99th percentile in microseconds.</param>
/// <param name="Collections">
/// Garbage collections of the node's mount process (of two nodes, both) during all runs together; 0 is wanted. Null: not ours.
/// </param>
/// <param name="ProcessorUs">Processor time of the node's mount process for one request, in microseconds. Null: not ours.</param>
public sealed record BenchResult(
    string Workload,
    string Target,
    double PerSecond,
    double Ratio,
    double WantedRatio,
    double WantedPerSecond,
    double? P50Us,
    double? P99Us,
    int? Collections,
    double? ProcessorUs);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(BenchReport))]
public sealed partial class BenchJson : JsonSerializerContext;
