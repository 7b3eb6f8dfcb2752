namespace Covol.Lab.Guest;

/// <summary>What the guest's writes look like on its disk, seen from the outside.</summary>
/// <param name="HighestSequence">The newest write on the disk, 0 if there is none.</param>
/// <param name="BadChecksums">Blocks that carry the guest's mark and a wrong sum: torn or overwritten.</param>
/// <param name="Missing">Numbers of the last writes (as many as there are blocks) that are not where they belong: lost.</param>
/// <param name="FirstMissing">The lowest of them, for the eye.</param>
/// <param name="Foreign">Blocks in the guest's range that carry neither its mark nor zeroes.</param>
public sealed record GuestDiskReport(long HighestSequence, int BadChecksums, int Missing, long? FirstMissing, int Foreign)
{
    /// <summary>Nothing lost, nothing torn, nothing strange.</summary>
    public bool IsClean => BadChecksums == 0 && Missing == 0 && Foreign == 0 && HighestSequence > 0;
}
