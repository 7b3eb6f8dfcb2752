using Covol.Ntfs.Journal;

namespace Covol.Tests.Ntfs.Support;

/// <summary>What one crash trial does.</summary>
internal sealed record CrashSettings(int Seed, int Steps)
{
    /// <summary>All guards; committed pages are put in their places a few at a time, so that many cuts fall between and into that.</summary>
    public static JournalControls Often { get; } = JournalControls.All with { PagesWaitMax = 3, StepWritesMax = 2 };

    public WorkMix Mix { get; init; } = WorkMix.Everything;

    /// <summary>The volume it begins with.</summary>
    public Func<SnapshotDevice> Volume { get; init; } = FormattedVolume.Small;

    /// <summary>int.MaxValue: the journal turns its laps by itself.</summary>
    public int StepsPerCheckpoint { get; init; } = 25;

    public JournalControls Controls { get; init; } = Often;

    /// <summary>A node's data is flushed before it becomes valid (SAFETY 12); off in a control.</summary>
    public bool FlushesData { get; init; } = true;
}
