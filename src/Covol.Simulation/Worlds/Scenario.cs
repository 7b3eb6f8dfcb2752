namespace Covol.Simulation.Worlds;

/// <summary>What a seed's world is like, drawn from the seed before anything else.</summary>
internal sealed record Scenario
{
    /// <summary>Of so many seeds one has the real engine.</summary>
    private const int RealEngineEvery = 25;

    public required int Nodes { get; init; }

    public required int ProgramsPerNode { get; init; }

    public required int SharedFiles { get; init; }

    /// <summary>How long programs and faults go on.</summary>
    public required TimeSpan Length { get; init; }

    public required TimeSpan WaitLimit { get; init; }

    /// <summary>Mean time between faults; none at all where infinite.</summary>
    public required TimeSpan FaultEvery { get; init; }

    /// <summary>Which kind of trouble there is most of.</summary>
    public required Trouble Trouble { get; init; }

    /// <summary>Of a hundred steps of a program, those that take a shared name away.</summary>
    public required int Unlinks { get; init; }

    /// <summary>Of a hundred steps of a program, about those that change a file's size.</summary>
    public required int Cuts { get; init; }

    /// <summary>Programs write within so many granules of a file: few, and they meet.</summary>
    public required int Span { get; init; }

    /// <summary>Files have holes, and programs make and fill them.</summary>
    public bool Holes { get; init; }

    /// <summary>How likely a step of a program is one with a small file, which is open for that step only.</summary>
    public required double SmallFiles { get; init; }

    /// <summary>The volume is a real NTFS volume, served by the real engine.</summary>
    public bool HasRealEngine { get; init; }

    /// <summary>Coordinators also die in the middle of what they write. Where faults come in an order they die when they are told to.</summary>
    public bool CrashesWriting => Trouble <= Trouble.SleepingReaders;

    /// <summary>Whole blocks only, so that files stay direct.</summary>
    public bool WholeBlocks { get; init; }

    /// <summary>How likely a node hears of a new coordinator late.</summary>
    public required double SlowNews { get; init; }

    /// <summary>See <see cref="Disk.SimLun.RefusesAtGate"/>.</summary>
    public required bool RefusesAtGate { get; init; }

    public required bool EndsWithPowerCut { get; init; }

    /// <summary>The power of everything is cut once in the middle of the world, and comes back.</summary>
    public TimeSpan? PowerCutAfter { get; init; }

    /// <summary>So many nodes, the last ones, have no path to the LUN: all their data goes through the coordinator.</summary>
    public int NodesWithoutPath { get; init; }

    /// <summary>How likely a fence takes as long as a drain may.</summary>
    public double SlowFences { get; init; } = 0.2;

    /// <summary>
    /// See <see cref="Covol.Coordinator.CoordinatorOptions.DoubtAfter"/>. Where writes are given up because the LUN hangs, this, a recall
    /// and a fence together are shorter than <see cref="WaitLimit"/>, as they have to be.
    /// </summary>
    public TimeSpan DoubtAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>See <see cref="Covol.Protocol.Layouts.LayoutTimes.HotFor"/>.</summary>
    public TimeSpan HotFor { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What the programs of a node do.</summary>
    /// <param name="node">From 1.</param>
    /// <param name="program">From 1.</param>
    public Habit HabitOf(int node, int program) => Trouble switch
    {
        Trouble.DeafReaders when program == 1 => Habit.Watching,
        Trouble.LostPaths or Trouble.DyingWriters => Habit.HotBlocks,
        Trouble.SleepingTails => node == 1 ? Habit.Growing : Habit.Spoiling,
        Trouble.LateNews => HasPath(node) ? Habit.Guarding : Habit.Following,
        _ => Habit.Anything,
    };

    /// <summary>
    /// How much longer than elsewhere the programs of a node pause: a file that others often change gets no tail, and whoever asks often waits
    /// for what is frozen before it is overtaken.
    /// </summary>
    public double PauseOf(int node) => Trouble switch
    {
        Trouble.SleepingTails when node > 1 => 6,
        Trouble.LateNews when !HasPath(node) => 80,
        _ => 1,
    };

    /// <summary>When a node hears of a new coordinator, in milliseconds, where the world has a say in it.</summary>
    public (double Least, double Most)? NewsOf(int node) =>
        Trouble != Trouble.LateNews ? null : HasPath(node) ? (1, 20) : (12_000, 15_000);

    public bool HasPath(int node) => node <= Nodes - NodesWithoutPath;

    public static Scenario Draw(World world)
    {
        var drawn = DrawAll(world);
        if (drawn.Trouble > Trouble.SleepingReaders)
        {
            drawn = drawn with { Holes = false };
        }

        if (drawn.CrashesWriting && world.Chance(0.3))
        {
            drawn = drawn with { PowerCutAfter = world.Between(TimeSpan.FromSeconds(3), drawn.Length) };
        }

        return drawn.Trouble switch
        {
            Trouble.DeposedCoordinators => drawn with { SlowNews = 0.7 },
            Trouble.SleepingReaders => drawn with
            {
                Cuts = 15,
                Unlinks = 1,
                WholeBlocks = true,
                RefusesAtGate = false,
                WaitLimit = TimeSpan.FromSeconds(60),
                Length = TimeSpan.FromSeconds(40),
                FaultEvery = TimeSpan.FromSeconds(5),
            },
            Trouble.DeafReaders => drawn with
            {
                ProgramsPerNode = 2,
                SharedFiles = Math.Min(drawn.SharedFiles, 2),
                Cuts = 25,
                Unlinks = 1,
                Span = 64,
                WholeBlocks = true,
                RefusesAtGate = false,
                SlowNews = 0,
                WaitLimit = TimeSpan.FromSeconds(60),
                Length = (drawn.Length / 2) + TimeSpan.FromSeconds(12),
                FaultEvery = TimeSpan.FromSeconds(7),
            },
            Trouble.LostPaths => drawn with
            {
                SharedFiles = 1,
                Span = 32,
                NodesWithoutPath = drawn.Nodes - 1,
                WaitLimit = TimeSpan.FromSeconds(13),
                DoubtAfter = TimeSpan.FromSeconds(3),
                FaultEvery = TimeSpan.FromSeconds(6),
            },
            Trouble.DyingWriters => drawn with
            {
                ProgramsPerNode = Math.Min(drawn.ProgramsPerNode, 2),
                SharedFiles = 1,
                Span = 32,
                SlowFences = 0.8,
                WaitLimit = TimeSpan.FromSeconds(60),
                Length = drawn.Length / 2,
                FaultEvery = TimeSpan.FromSeconds(4),
            },
            Trouble.SleepingTails => drawn with
            {
                Cuts = 25,
                Unlinks = 1,
                Span = 48,
                ProgramsPerNode = 2,
                SharedFiles = Math.Min(drawn.SharedFiles, 2),
                EndsWithPowerCut = true,
                NodesWithoutPath = drawn.Nodes - 1,
                Length = drawn.Length + TimeSpan.FromSeconds(15),
                WaitLimit = TimeSpan.FromSeconds(11),
                DoubtAfter = TimeSpan.FromSeconds(2),
                HotFor = TimeSpan.FromMilliseconds(300),
                FaultEvery = TimeSpan.FromSeconds(6),
            },
            Trouble.LateNews => drawn with
            {
                ProgramsPerNode = Math.Max(drawn.ProgramsPerNode, 2),
                SharedFiles = 1,
                Unlinks = 1,
                NodesWithoutPath = 1,
                Cuts = 15,
                WaitLimit = TimeSpan.FromSeconds(60),
                Length = drawn.Length + TimeSpan.FromSeconds(20),
                FaultEvery = TimeSpan.FromSeconds(10),
            },
            _ => drawn,
        };
    }

    /// <summary>Programs wait for a minute, or for little more than a recall and a lease take: so long a write in doubt may be inside.</summary>
    private static Scenario DrawAll(World world) => new()
    {
        Nodes = world.Random.Next(2, 4),
        ProgramsPerNode = world.Random.Next(1, 4),
        SharedFiles = world.Random.Next(1, 4),
        Length = world.Between(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(40)),
        WaitLimit = world.Chance(0.5) ? TimeSpan.FromSeconds(60) : world.Between(TimeSpan.FromSeconds(16), TimeSpan.FromSeconds(24)),
        DoubtAfter = TimeSpan.FromSeconds(3),
        FaultEvery = world.Chance(0.1) ? TimeSpan.FromDays(1) : world.Between(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10)),
        Trouble = (Trouble)world.Random.Next(12),
        Unlinks = world.Random.Next(1, 8),
        Cuts = world.Random.Next(3, 20),
        Span = world.Chance(0.5) ? 256 : 48,
        SlowNews = world.Random.NextDouble() * 0.6,
        RefusesAtGate = world.Chance(0.5),
        EndsWithPowerCut = world.Chance(0.4),
        Holes = world.Chance(0.5),
        HasRealEngine = world.Seed % RealEngineEvery == 0,
        SmallFiles = world.Chance(0.5) ? 0 : world.Random.NextDouble() * 0.5,
    };
}
