using Covol.Lun;
using Covol.Ntfs.Format;
using Covol.Ntfs.Journal;
using Covol.Protocol.Ids;

namespace Covol.Ntfs;

/// <summary>
/// Makes a plain NTFS volume of a Covol volume: files that nobody has open any more are deleted, our files are taken away in one commit,
/// then the locator. Cut anywhere, it is the Covol volume or one whose release only has to be ended; doing it again is doing it once.
/// </summary>
public static class NtfsReleaser
{
    private static readonly string[] s_ownNames = [FileNames.Journal, FileNames.Orphans];

    /// <summary>
    /// Releases; a volume that is plain already stays as it is. Blocks the caller; every coordinator has ended, nobody else is registered on the
    /// LUN. Throws <see cref="NtfsRefusedException"/> with a sentence when the volume cannot be recovered; it is as it was then.
    /// </summary>
    public static void Release(IBlockDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        LibNtfsLoader.Use();
        var geometry = VolumeGeometry.Read(device);
        if (VolumeGeometry.LocatorOf(device, geometry) is not { } locator)
        {
            return;
        }

        var epoch = RedoJournal.EpochOf(device, locator);
        RedoJournal.Recover(device, locator, epoch, JournalControls.All);
        if (HasOwnFiles(device))
        {
            TakeAway(device, epoch);
        }

        VolumeGeometry.WriteLocator(device, null);
    }

    private static bool HasOwnFiles(IBlockDevice device)
    {
        using var volume = new MountedVolume(new DirectDevice(device));
        return volume.HasAnyOf(s_ownNames);
    }

    private static void TakeAway(IBlockDevice device, Epoch epoch)
    {
        using var volume = NtfsVolume.Open(device, epoch, NtfsOptions.Default).Volume;
        foreach (var orphan in volume.Orphans())
        {
            while (!volume.PurgeOrphanStep(orphan))
            {
                volume.Commit([]);
            }

            volume.Commit([]);
        }

        volume.RemoveOwnFiles();
        volume.Commit([]);

        // All of it is in its place and stable before the way to the journal is forgotten.
        volume.Checkpoint([]);
    }
}
