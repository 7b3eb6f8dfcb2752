namespace Covol.Ntfs;

/// <summary>What a check of a volume found.</summary>
/// <param name="Findings">At most <see cref="VolumeChecker.FindingsMax"/>, few of one kind; empty: the volume is sound.</param>
/// <param name="Omitted">Findings beyond those that are told.</param>
/// <param name="Skipped">Objects that were deleted while an online check ran, before it came to them.</param>
/// <param name="Files">MFT records in use, without extension records and directories.</param>
/// <param name="Directories">Directories, NTFS's own among them.</param>
/// <param name="BytesRead">What was read of the LUN, in bytes.</param>
/// <param name="ReplayedPages">Pages of the journal that were taken in place of the LUN's, because no checkpoint had followed.</param>
public sealed record CheckReport(
    IReadOnlyList<Finding> Findings, long Omitted, long Skipped, long Files, long Directories, long BytesRead, long ReplayedPages)
{
    public bool IsSound => Findings.Count == 0;
}
