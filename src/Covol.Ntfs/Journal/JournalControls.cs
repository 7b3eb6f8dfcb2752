namespace Covol.Ntfs.Journal;

/// <summary>
/// The guards of the journal, each of which can be switched off, by the crash tests only: a guard whose absence no test
/// notices is not
/// tested. Production uses <see cref="All"/>.
/// </summary>
internal sealed record JournalControls
{
    public static JournalControls All { get; } = new();

    /// <summary>A commit ends when its record is stable; none of its pages is put in its place before.</summary>
    public bool FlushRecords { get; init; } = true;

    /// <summary>A lap ends when every page that its records hold is in its place.</summary>
    public bool WriteBackBeforeLap { get; init; } = true;

    /// <summary>Pages are stable in their places before the superblock that makes their records void.</summary>
    public bool FlushBeforeLap { get; init; } = true;

    /// <summary>What was written before a flush of another thread failed is written again.</summary>
    public bool RewriteAfterFailedFlush { get; init; } = true;

    /// <summary>Recovery looks at the checksums of records.</summary>
    public bool VerifyChecksum { get; init; } = true;

    /// <summary>Recovery takes only records that carry this lap, this epoch and their predecessor's checksum.</summary>
    public bool VerifyChain { get; init; } = true;

    /// <summary>A grant over clusters that were journalled since the last checkpoint asks for a checkpoint first.</summary>
    public bool CheckpointBeforeGrant { get; init; } = true;

    /// <summary>Data goes through the journal only where nobody can have written it past the journal.</summary>
    public bool JournalsOnlyItsOwn { get; init; } = true;

    /// <summary>Data, names and attributes leave the last clusters to deletion.</summary>
    public bool KeepReserve { get; init; } = true;

    /// <summary>Data that Windows compressed, encrypted or keeps elsewhere is in no map and is not written.</summary>
    public bool RefuseEncodedData { get; init; } = true;

    /// <summary>
    /// A change that does not fit what is left of a commit is undone; without it the commit is larger than the journal.
    /// </summary>
    public bool BoundCommit { get; init; } = true;

    /// <summary>No guard but a limit: <see cref="WriteBack.PagesWaitMax"/>; less of it lets crash tests cut in more places.</summary>
    public int PagesWaitMax { get; init; } = WriteBack.PagesWaitMax;

    /// <summary>As <see cref="PagesWaitMax"/>: <see cref="WriteBack.StepWritesMax"/>.</summary>
    public int StepWritesMax { get; init; } = WriteBack.StepWritesMax;
}
