namespace Covol.Lab.Bench;

/// <summary>One workload of <c>covol bench</c>.</summary>
/// <param name="Name">As it appears in tables and JSON, unless it has several <see cref="Phases"/>.</param>
internal abstract record BenchCase(string Name)
{
    /// <summary>The share of raw speed that is wanted of a node that does not coordinate; 0: none is set.</summary>
    public double WantedRatio { get; init; }

    /// <summary>The speed, a second, that is wanted of it; 0: none is set.</summary>
    public double WantedPerSecond { get; init; }

    /// <summary>
    /// What is measured one after the other in each round, all targets through the first before the second begins; a row each. Mostly one.
    /// </summary>
    public virtual IReadOnlyList<string> Phases => [Name];

    /// <summary>The two sides of it run on two nodes; compared with both on one node and both on the raw disk.</summary>
    public bool IsOnTwoNodes { get; init; }

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
        new FioCase("first-write-1m-qd8", "write", 1 << 20, 8) { Files = FioFiles.New, WantedRatio = 0.6 },
        new FioCase("first-write-4k-qd1", "write", 4 << 10, 1) { Files = FioFiles.New },
        new FioCase("two-nodes-4k-randread-qd32", "randread", 4 << 10, 32) { Files = FioFiles.Two, IsOnTwoNodes = true },
        new FioCase("two-nodes-4k-randwrite-qd32", "randwrite", 4 << 10, 32) { Files = FioFiles.Two, IsOnTwoNodes = true },
        new FioCase("two-nodes-4k-randread-qd32-same-file", "randread", 4 << 10, 32) { Files = FioFiles.Halves, IsOnTwoNodes = true },
        new FioCase("two-nodes-4k-randwrite-qd32-same-file", "randwrite", 4 << 10, 32) { Files = FioFiles.Halves, IsOnTwoNodes = true },
        new MetadataCase("stat", MetadataOperation.Stat, 1) { WantedPerSecond = 20_000 },
        new ColdStatCase("stat-cold") { WantedPerSecond = 4000 },
        new MetadataCase("create-write-delete", MetadataOperation.CreateWriteDelete, 1) { WantedPerSecond = 300 },
        new MetadataCase("create-write-delete-32", MetadataOperation.CreateWriteDelete, 32),
        new MetadataCase("create-write-delete-32-directories", MetadataOperation.CreateWriteDelete, 32)
        {
            HasOwnDirectories = true,
            WantedPerSecond = 2000,
        },
        new MetadataCase("two-nodes-create-write-delete", MetadataOperation.CreateWriteDelete, 2)
        {
            HasOwnDirectories = true,
            IsOnTwoNodes = true,
        },
        new MetadataCase("two-nodes-create-write-delete-32-directories", MetadataOperation.CreateWriteDelete, 32)
        {
            HasOwnDirectories = true,
            IsOnTwoNodes = true,
        },
        new TreeCase("tree"),
    ];
}

/// <summary>Direct I/O by fio.</summary>
/// <param name="Name">See <see cref="BenchCase"/>.</param>
/// <param name="Mode">fio's <c>rw</c>; <c>randrw</c> reads 70 of 100.</param>
/// <param name="BlockBytes">Size of one request.</param>
/// <param name="Depth">Requests in flight, a job.</param>
internal sealed record FioCase(string Name, string Mode, int BlockBytes, int Depth) : BenchCase(Name)
{
    public int Jobs { get; init; } = 1;

    public FioFiles Files { get; init; } = FioFiles.One;
}

internal enum FioFiles
{
    /// <summary>One file of valid data.</summary>
    One,

    /// <summary>A new file, from its first byte to its fsync.</summary>
    New,

    /// <summary>Two jobs, each on a file of valid data of its own.</summary>
    Two,

    /// <summary>Two jobs on the two halves of one file of valid data.</summary>
    Halves,
}

/// <summary>Operations on names, each by a thread of its own.</summary>
/// <param name="Name">See <see cref="BenchCase"/>.</param>
/// <param name="Operation">What each thread does again and again.</param>
/// <param name="InFlight">Threads; of two nodes, half of them on each.</param>
internal sealed record MetadataCase(string Name, MetadataOperation Operation, int InFlight) : BenchCase(Name)
{
    /// <summary>A directory for each thread: the kernel makes and removes names of one directory one after the other, on any file system.</summary>
    public bool HasOwnDirectories { get; init; }
}

internal enum MetadataOperation
{
    /// <summary>Attributes of one of a hundred files.</summary>
    Stat,

    /// <summary>A new file, 4 KiB in it, closed, deleted.</summary>
    CreateWriteDelete,
}

/// <summary>Attributes of files that this node has never seen, each asked for once: of ours a hop to the coordinator.</summary>
/// <param name="Name">See <see cref="BenchCase"/>.</param>
internal sealed record ColdStatCase(string Name) : BenchCase(Name);

/// <summary>
/// <c>tar -x</c> of many small files, <c>ls -lR</c> of a tree that this node has not seen (another one unpacked it), <c>rm -r</c>. Files a
/// second.
/// </summary>
/// <param name="Name">Before the name of each phase.</param>
internal sealed record TreeCase(string Name) : BenchCase(Name)
{
    public override IReadOnlyList<string> Phases => [$"{Name}-untar", $"{Name}-ls-cold", $"{Name}-rm"];
}
