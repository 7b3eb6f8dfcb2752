namespace Covol.Lab.Bench;

/// <summary>What one run on one target measured; never of an empty run.</summary>
internal readonly record struct BenchFigures
{
    /// <param name="workload">For the message.</param>
    /// <param name="perSecond">Requests, operations or files a second.</param>
    /// <param name="requests">All of the run.</param>
    /// <param name="p50Us">Median latency in microseconds; null where single ones are not seen.</param>
    /// <param name="p99Us">99th percentile in microseconds.</param>
    public BenchFigures(string workload, double perSecond, long requests, double? p50Us, double? p99Us)
    {
        if (requests <= 0 || !(perSecond > 0))
        {
            throw new LabException($"{workload} did nothing in its time; give it more with --seconds.");
        }

        (PerSecond, Requests, P50Us, P99Us) = (perSecond, requests, p50Us, p99Us);
    }

    public double PerSecond { get; }

    public long Requests { get; }

    public double? P50Us { get; }

    public double? P99Us { get; }

    /// <param name="workload">For the message.</param>
    /// <param name="microseconds">Of each operation, in any order.</param>
    /// <param name="seconds">All of them together took, side by side.</param>
    public static BenchFigures Of(string workload, IEnumerable<double> microseconds, double seconds)
    {
        var sorted = microseconds.Order().ToArray();
        return sorted.Length == 0
            ? new BenchFigures(workload, 0, 0, null, null)
            : new BenchFigures(workload, sorted.Length / seconds, sorted.Length, sorted[sorted.Length / 2], sorted[sorted.Length * 99 / 100]);
    }
}
