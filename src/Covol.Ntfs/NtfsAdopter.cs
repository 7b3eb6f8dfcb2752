using Covol.Lun;
using Covol.Ntfs.Adoption;
using Covol.Ntfs.Journal;
using Covol.Protocol.Ids;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>
/// Takes over an NTFS volume that holds files. Nothing of it is moved: the journal goes into free clusters, two hidden names into the
/// root.
/// <code>
///   in memory      what the library would write for the journal's file and the orphan folder
///   free clusters  the journal, with all that as its first record ──► flush
///   sector 15      the locator ──► flush        from here on it is a Covol volume; before, nobody can tell that anything happened
///   replay         as after any crash
/// </code>
/// </summary>
public static class NtfsAdopter
{
    private const int JournalUnit = 1 << 20;

    /// <summary>The journal may be smaller on a volume in pieces, but not below: its steps would be too small.</summary>
    private static readonly ByteCount s_journalMin = ByteCount.FromMebibytes(8);

    /// <summary>
    /// Adopts. A volume that Covol left behind (its cluster is gone, or removing it was cut) is recovered and adopted anew. Blocks the
    /// caller; the device is used by nobody else. Throws <see cref="NtfsRefusedException"/> with a sentence when the volume
    /// cannot be taken over; it is as it was then.
    /// </summary>
    public static void Adopt(IBlockDevice device, NtfsAdoptionOptions options)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        LibNtfsLoader.Use();
        var geometry = VolumeGeometry.Read(device);
        if (VolumeGeometry.LocatorOf(device, geometry) is not null)
        {
            NtfsReleaser.Release(device);
        }

        AdoptionChecks.CheckLocatorPlace(device);
        var overlay = new MemoryOverlay(device);
        var (locator, guards) = Prepare(overlay, geometry, options);
        RefuseUnclearClusters(device);
        RedoJournal.FormatWithRecord(device, locator, new Epoch(0), guards, overlay.Pages);
        VolumeGeometry.WriteLocator(device, locator);
        RedoJournal.Recover(device, locator, new Epoch(0), JournalControls.All);
    }

    /// <summary>The journal goes where the volume's bitmap says that nothing is: it must be right about every file.</summary>
    private static void RefuseUnclearClusters(IBlockDevice device)
    {
        var unclear = VolumeChecker.Check(device).FirstOrDefault(finding => finding.Kind is FindingKind.ClusterNotMarked
            or FindingKind.ClusterShared or FindingKind.RunListDamaged or FindingKind.RunOutside
            or FindingKind.TableUnreadable or FindingKind.RecordTorn or FindingKind.RecordDamaged or FindingKind.AttributeList);
        if (unclear is not null)
        {
            throw new NtfsRefusedException(
                $"The volume is damaged: {unclear.Where}: {unclear.What}. Repair it with Windows (chkdsk /f), then add it again; "
                + "'covol volume check --lun' lists all that is wrong.");
        }
    }

    /// <summary>Makes our files in memory; answers where the journal is to be.</summary>
    private static (JournalLocator Locator, IReadOnlyList<LunByteOffset> Guards) Prepare(
        MemoryOverlay overlay, VolumeGeometry geometry, NtfsAdoptionOptions options)
    {
        using var volume = AdoptionChecks.Mount(overlay);
        AdoptionChecks.CheckVolume(volume, geometry.ClusterSize);
        var guards = VolumeFingerprint.SectorsOf(
            geometry, volume.RunsOf(Interop.LibNtfs.FILE_MFT), volume.RunsOf(Interop.LibNtfs.FILE_LogFile));
        volume.CreateOwnDirectory(FileNames.Orphans);
        var record = volume.CreateEmptyOwnFile(FileNames.Journal);

        var bitmap = volume.RunsOf(Interop.LibNtfs.FILE_Bitmap);
        var (first, length) = FindRoom(overlay, bitmap, geometry, options);
        overlay.Window = new BitmapWindow(bitmap, geometry.ClusterSize, first, length.Value / geometry.ClusterSize);
        volume.Remount();
        volume.GrowOwnFile(record, FileNames.Journal, length.Value);
        var runs = volume.RunsOf(record);
        overlay.Window = null;
        Protocol.Invariant.Holds(
            runs is [var run] && run.Lcn == first && run.Length * geometry.ClusterSize == length.Value,
            "The journal's file did not take the clusters that were chosen for it.");
        return (new JournalLocator(new LunByteOffset(first * geometry.ClusterSize), length, geometry.Serial), guards);
    }

    private static (long First, ByteCount Length) FindRoom(
        MemoryOverlay overlay, List<(long Vcn, long Lcn, long Length)> bitmap, VolumeGeometry geometry, NtfsAdoptionOptions options)
    {
        // Whole MiB, and whole clusters, which may be larger.
        var unit = Math.Max(geometry.ClusterSize, JournalUnit);
        var asked = NtfsFormatter.JournalLength(options.JournalLength, geometry.Clusters * geometry.ClusterSize);
        var wanted = new ByteCount((asked.Value + unit - 1) / unit * unit);
        for (var length = wanted; ; length = new ByteCount(length.Value / 2 / unit * unit))
        {
            var free = FreeRuns.Find(overlay, bitmap, geometry, length.Value / geometry.ClusterSize);
            var needed = length + NtfsVolume.ReserveOf(geometry);
            if (free.Fit is { } first && free.Free * geometry.ClusterSize >= needed.Value)
            {
                return (first, length);
            }

            if (options.JournalLength is not null || length.Value / 2 < Math.Min(s_journalMin.Value, wanted.Value))
            {
                throw new NtfsRefusedException(
                    $"The volume has {new ByteCount(free.Free * geometry.ClusterSize)} free, the longest piece of it is "
                    + $"{new ByteCount(free.Longest * geometry.ClusterSize)}; Covol needs {needed} free, {length} of it in one piece for its "
                    + "journal. Delete or move files, or defragment it with Windows, then add it again.");
            }
        }
    }
}
