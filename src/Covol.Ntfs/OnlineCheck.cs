using Covol.Ntfs.Checking;

namespace Covol.Ntfs;

/// <summary>
/// One check of a volume that is in use, made by <see cref="NtfsVolume.BeginCheck()"/> on the metadata thread and ended by
/// <see cref="NtfsVolume.EndCheck"/> there. <see cref="Run"/> goes on a thread of its own.
/// </summary>
public sealed class OnlineCheck
{
    private readonly VolumeSnapshot _snapshot;

    internal OnlineCheck(VolumeSnapshot snapshot) => _snapshot = snapshot;

    /// <summary>
    /// Checks the metadata as the last commit before the check left it. Reads only. Throws <see cref="CheckAbandonedException"/> when it cannot
    /// be finished.
    /// </summary>
    public CheckReport Run()
    {
        try
        {
            return VolumeChecker.Report(_snapshot, replayedPages: 0);
        }
        catch (ContentGoneException failure)
        {
            throw new CheckAbandonedException(
                "A part of the volume that never moves was given to a file while it was checked. Check it offline.", failure);
        }
    }

    /// <summary>Ends <see cref="Run"/> at its next read. Any thread.</summary>
    public void Abandon(string why) => _snapshot.Abandon(why);
}
