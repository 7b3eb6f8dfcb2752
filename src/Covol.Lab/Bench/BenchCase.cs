namespace Covol.Lab.Bench;

/// <summary>One workload of <c>covol bench</c>, run by fio with direct I/O.</summary>
/// <param name="Name">As it appears in tables and JSON.</param>
/// <param name="Mode">fio's <c>rw</c>.</param>
/// <param name="BlockBytes">Size of one request.</param>
/// <param name="Depth">Requests in flight.</param>
/// <param name="Wanted">The share of raw speed that is wanted of it.</param>
internal sealed record BenchCase(string Name, string Mode, int BlockBytes, int Depth, double Wanted)
{
    public static IReadOnlyList<BenchCase> All { get; } =
    [
        new("4k-randread-qd1", "randread", 4096, 1, 0),
        new("4k-randread-qd32", "randread", 4096, 32, 0.6),
        new("4k-randwrite-qd1", "randwrite", 4096, 1, 0),
        new("4k-randwrite-qd32", "randwrite", 4096, 32, 0.6),
        new("1m-read-qd8", "read", 1 << 20, 8, 0.8),
        new("1m-write-qd8", "write", 1 << 20, 8, 0.8),
    ];
}
