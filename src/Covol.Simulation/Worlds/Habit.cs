namespace Covol.Simulation.Worlds;

/// <summary>What a program mostly does.</summary>
internal enum Habit
{
    /// <summary>Everything that there is.</summary>
    Anything,

    /// <summary>Writes the same few blocks again and again, and reads them.</summary>
    HotBlocks,

    /// <summary>Reads what its node can read by itself, often: several requests of one guest, of which none waits for another.</summary>
    Watching,

    /// <summary>Makes files longer.</summary>
    Growing,

    /// <summary>Cuts files, and writes on at their ends.</summary>
    Spoiling,

    /// <summary>Takes files' locks, again and again, cuts them, and sets times.</summary>
    Guarding,

    /// <summary>Seldom: looks at a time or at the end of a file, or takes its lock.</summary>
    Following,
}
