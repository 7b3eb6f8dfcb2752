namespace Covol.Api.Contracts;

/// <summary>What the check of a volume found.</summary>
/// <param name="Volume">Its name; absent for a check of a LUN.</param>
/// <param name="Lun">The LUN's URI.</param>
/// <param name="IsSound">Nothing was found.</param>
/// <param name="Findings">The first of them.</param>
/// <param name="Omitted">How many more there are.</param>
/// <param name="Skipped">Objects that were deleted while an online check ran, before it came to them.</param>
/// <param name="Files">Files and other inodes, without directories.</param>
/// <param name="Directories">NTFS's own among them.</param>
/// <param name="BytesRead">Of the LUN.</param>
/// <param name="ReplayedPages">Pages of the journal that were taken in place of the LUN's.</param>
/// <param name="Milliseconds">How long it took.</param>
public sealed record CheckView(
    string? Volume,
    string Lun,
    bool IsSound,
    IReadOnlyList<FindingView> Findings,
    long Omitted,
    long Skipped,
    long Files,
    long Directories,
    long BytesRead,
    long ReplayedPages,
    long Milliseconds);

/// <summary>One thing that is wrong with a volume.</summary>
/// <param name="Code">Stable; docs/internals/check.md lists all.</param>
/// <param name="Where">A path with its MFT record, a cluster, or a part of the volume.</param>
/// <param name="What">What is wrong with it.</param>
/// <param name="Advice">What to do.</param>
public sealed record FindingView(string Code, string Where, string What, string Advice);
