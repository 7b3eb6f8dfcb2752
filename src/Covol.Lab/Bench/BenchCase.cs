namespace Covol.Lab.Bench;

/// <summary>One workload of <c>covol bench</c>.</summary>
/// <param name="Name">As it appears in tables and JSON.</param>
internal abstract record BenchCase(string Name)
{
    /// <summary>The share of raw speed that is wanted of a node that does not coordinate; 0: none is set.</summary>
    public double WantedRatio { get; init; }

    /// <summary>The speed, a second, that is wanted of it; 0: none is set.</summary>
    public double WantedPerSecond { get; init; }

    public static IReadOnlyList<BenchCase> All { get; } =
    [
        new FioCase("4k-randread-qd1", "randread", 4 << 10, 1),
        new FioCase("4k-randread-qd32", "randread", 4 << 10, 32) { WantedRatio = 0.85 },
        new FioCase("4k-randread-qd32-jobs4", "randread", 4 << 10, 32) { Jobs = 4, WantedRatio = 0.7 },
        new FioCase("4k-randwrite-qd1", "randwrite", 4 << 10, 1),
        new FioCase("4k-randwrite-qd32", "randwrite", 4 << 10, 32) { WantedRatio = 0.7 },
        new FioCase("4k-randwrite-qd32-jobs4", "randwrite", 4 << 10, 32) { Jobs = 4, WantedRatio = 0.65 },
        new FioCase("4k-mixed70-qd32", "randrw", 4 << 10, 32),
        new FioCase("64k-randread-qd8", "randread", 64 << 10, 8),
        new FioCase("64k-randwrite-qd8", "randwrite", 64 << 10, 8),
        new FioCase("1m-read-qd8", "read", 1 << 20, 8) { WantedRatio = 0.95 },
        new FioCase("1m-write-qd8", "write", 1 << 20, 8) { WantedRatio = 0.95 },
        new FioCase("first-write-1m-qd8", "write", 1 << 20, 8) { IsNewFile = true, WantedRatio = 0.6 },
        new FioCase("first-write-4k-qd1", "write", 4 << 10, 1) { IsNewFile = true },
        new MetadataCase("stat", MetadataOperation.Stat, 1) { WantedPerSecond = 4000 },
        new MetadataCase("create-write-delete", MetadataOperation.CreateWriteDelete, 1) { WantedPerSecond = 300 },
        new MetadataCase("create-write-delete-32", MetadataOperation.CreateWriteDelete, 32) { WantedPerSecond = 2000 },
    ];
}

/// <summary>Direct I/O by fio on one file of valid data, or (<see cref="IsNewFile"/>) from the first byte of a new one.</summary>
/// <param name="Name">See <see cref="BenchCase"/>.</param>
/// <param name="Mode">fio's <c>rw</c>; <c>randrw</c> reads 70 of 100.</param>
/// <param name="BlockBytes">Size of one request.</param>
/// <param name="Depth">Requests in flight, a job.</param>
internal sealed record FioCase(string Name, string Mode, int BlockBytes, int Depth) : BenchCase(Name)
{
    public int Jobs { get; init; } = 1;

    public bool IsNewFile { get; init; }
}

/// <summary>Operations on names, each by a thread of its own.</summary>
/// <param name="Name">See <see cref="BenchCase"/>.</param>
/// <param name="Operation">What each thread does again and again.</param>
/// <param name="InFlight">Threads.</param>
internal sealed record MetadataCase(string Name, MetadataOperation Operation, int InFlight) : BenchCase(Name);

internal enum MetadataOperation
{
    /// <summary>Attributes of one of a hundred files.</summary>
    Stat,

    /// <summary>A new file, 4 KiB in it, closed, deleted.</summary>
    CreateWriteDelete,
}
