namespace Covol.Lab.Bench;

/// <summary>What one run on one target measured.</summary>
/// <param name="PerSecond">Requests a second.</param>
/// <param name="Requests">All of the run.</param>
/// <param name="P50Us">Median latency in microseconds.</param>
/// <param name="P99Us">99th percentile in microseconds.</param>
internal readonly record struct BenchFigures(double PerSecond, long Requests, double P50Us, double P99Us);
