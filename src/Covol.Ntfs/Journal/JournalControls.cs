namespace Covol.Ntfs.Journal;

/// <summary>
/// The guards of the journal, each of which can be switched off, by the crash tests only: a guard whose absence no test
/// notices is not
/// tested. Production uses <see cref="All"/>.
/// </summary>
internal sealed record JournalControls
{
    public static JournalControls All { get; } = new();

    /// <summary>Records are stable before their pages are applied.</summary>
    public bool FlushBeforeApply { get; init; } = true;

    /// <summary>Recovery looks at the checksums of records.</summary>
    public bool VerifyChecksum { get; init; } = true;

    /// <summary>Recovery takes only records that carry this lap, this epoch and their predecessor's checksum.</summary>
    public bool VerifyChain { get; init; } = true;

    /// <summary>A grant over clusters that were journalled since the last checkpoint asks for a checkpoint first.</summary>
    public bool CheckpointBeforeGrant { get; init; } = true;

    /// <summary>Data, names and attributes leave the last clusters to deletion.</summary>
    public bool KeepReserve { get; init; } = true;

    /// <summary>Data that Windows compressed, encrypted or keeps elsewhere is in no map and is not written.</summary>
    public bool RefuseEncodedData { get; init; } = true;

    /// <summary>
    /// A change that does not fit what is left of a commit is undone; without it the commit is larger than the journal.
    /// </summary>
    public bool BoundCommit { get; init; } = true;
}
