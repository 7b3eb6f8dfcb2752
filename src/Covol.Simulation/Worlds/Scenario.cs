namespace Covol.Simulation.Worlds;

/// <summary>What a seed's world is like, drawn from the seed before anything else.</summary>
internal sealed record Scenario
{
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

    /// <summary>Whole blocks only, so that files stay direct.</summary>
    public bool WholeBlocks { get; init; }

    /// <summary>How likely a node hears of a new coordinator late.</summary>
    public required double SlowNews { get; init; }

    /// <summary>See <see cref="Disk.SimLun.RefusesAtGate"/>.</summary>
    public required bool RefusesAtGate { get; init; }

    public required bool EndsWithPowerCut { get; init; }

    public static Scenario Draw(World world)
    {
        var drawn = DrawAll(world);
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
            _ => drawn,
        };
    }

    private static Scenario DrawAll(World world) => new()
    {
        Nodes = world.Random.Next(2, 4),
        ProgramsPerNode = world.Random.Next(1, 4),
        SharedFiles = world.Random.Next(1, 4),
        Length = world.Between(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(40)),
        WaitLimit = world.Chance(0.5) ? TimeSpan.FromSeconds(60) : world.Between(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(15)),
        FaultEvery = world.Chance(0.1) ? TimeSpan.FromDays(1) : world.Between(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10)),
        Trouble = (Trouble)world.Random.Next(7),
        Unlinks = world.Random.Next(1, 8),
        Cuts = world.Random.Next(3, 20),
        Span = world.Chance(0.5) ? 256 : 48,
        SlowNews = world.Random.NextDouble() * 0.6,
        RefusesAtGate = world.Chance(0.5),
        EndsWithPowerCut = world.Chance(0.4),
    };
}
