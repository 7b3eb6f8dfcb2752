using Covol.Coordinator;
using Covol.Ntfs.Journal;
using Covol.Simulation.Worlds;

namespace Covol.Simulation.Parts;

/// <summary>Which of the rules are kept. All, except in a mutation, which shows what a rule is for.</summary>
internal sealed record Rules
{
    /// <summary>Files of the worlds are small: they get tails from the first byte, of two clusters, and holes of two.</summary>
    public static CoordinatorOptions SmallFiles { get; } = new() { TailFrom = 1, TailMin = 8_192, HoleMin = 8_192, PlacesMax = 3 };

    public static Rules All { get; } = new();

    public CoordinatorOptions CoordinatorOptions { get; init; } = SmallFiles;

    /// <summary>A node tells what it wrote behind valid length before a fsync is answered (SAFETY 13).</summary>
    public bool TellsTails { get; init; } = true;

    /// <summary>A new coordinator preempts the keys of all older ones (SAFETY 2).</summary>
    public bool FencesOlderCoordinators { get; init; } = true;

    /// <summary>A preempted key's commands are aborted or over when the fence is (I2).</summary>
    public bool DrainsPreempted { get; init; } = true;

    /// <summary>The LUN refuses who is not registered.</summary>
    public bool ChecksKeys { get; init; } = true;

    /// <summary>A node's lease runs out by its clock (SAFETY 7).</summary>
    public bool LeasesEnd { get; init; } = true;

    /// <summary>Recovery carries out what the journal holds behind its last checkpoint.</summary>
    public bool Replays { get; init; } = true;

    /// <summary>A place that the journal may replay is not granted before a checkpoint (SAFETY 15).</summary>
    public bool ChecksJournalBeforeGrant { get; init; } = true;

    /// <summary>
    /// Of the journal: the real one has all of these; the model's has those that data of small files needs (SAFETY 15).
    /// </summary>
    public JournalControls Journal { get; init; } = JournalControls.All;

    /// <summary>A checkpoint carries sessions and answers into the next lap (SAFETY 16).</summary>
    public bool KeepsStateAtCheckpoint { get; init; } = true;

    /// <summary>A fsync reaches the LUN.</summary>
    public bool Flushes { get; init; } = true;

    /// <summary>Whether all worlds have the real engine; no rule.</summary>
    public bool OnRealEngine { get; init; }

    /// <summary>Whether files of this world have holes; no rule.</summary>
    public bool MakesHoles { get; init; }

    /// <summary>With the times of a world.</summary>
    public Rules In(Scenario scenario) => this with
    {
        MakesHoles = scenario.Holes,
        CoordinatorOptions = CoordinatorOptions with
        {
            DoubtAfter = scenario.DoubtAfter,
            Layouts = CoordinatorOptions.Layouts with { HotFor = scenario.HotFor },
        },
    };
}
