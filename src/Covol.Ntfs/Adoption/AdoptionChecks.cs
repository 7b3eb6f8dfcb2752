using System.Buffers.Binary;
using System.Globalization;
using Covol.Lun;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Adoption;

/// <summary>
/// What has to be true of a volume before it is taken over (SAFETY 15, 18). Each refusal is a <see cref="NtfsRefusedException"/> that
/// says why and what to do. Reads only.
/// </summary>
internal static class AdoptionChecks
{
    /// <summary>$VOLUME_INFORMATION (layout.h): version at 8 and 9, flags at 10.</summary>
    private const int InformationLength = 12;

    private const ushort IsDirty = 0x0001;

    /// <summary>
    /// What Windows still has to do to the volume: resize $LogFile, upgrade, delete the USN journal, repair object ids, what chkdsk
    /// left (layout.h, VOLUME_FLAGS).
    /// </summary>
    private const ushort HasWork = 0x8000 | 0x0002 | 0x0004 | 0x0010 | 0x0020;

    private const string Chkdsk = "Attach it to Windows, run 'chkdsk /f' on it and shut Windows down, then add it again.";

    /// <summary>Says why libntfs-3g did not mount it.</summary>
    public static MountedVolume Mount(MemoryOverlay overlay)
    {
        try
        {
            return new MountedVolume(overlay, isForeign: true);
        }
        catch (NtfsRefusedException refusal) when (refusal.HResult == Errno.EPERM)
        {
            throw new NtfsRefusedException(
                "The volume belongs to a Windows that is hibernated (fast startup does that too): it would go on with what it remembers. "
                + "Start that Windows and shut it down with 'shutdown /s /f /t 0', then add the volume again.", refusal);
        }
        catch (NtfsRefusedException refusal) when (refusal.HResult == Errno.EOPNOTSUPP)
        {
            throw new NtfsRefusedException(
                "The volume's $LogFile is not clean: it was not unmounted in order, and holds changes that only Windows can carry out. "
                + Chkdsk, refusal);
        }
    }

    public static void CheckVolume(MountedVolume volume, int clusterSize)
    {
        var information = new byte[InformationLength];
        using (var record = volume.Open(Interop.LibNtfs.FILE_Volume))
        using (var attribute = new DataAttribute(record, volume, Interop.LibNtfs.AT_VOLUME_INFORMATION))
        {
            if (attribute.Read(0, information) < InformationLength)
            {
                throw new NtfsRefusedException($"The volume does not say which version of NTFS it is: it is damaged. {Chkdsk}");
            }
        }

        var (major, minor) = (information[8], information[9]);
        if (major != 3 || minor != 1)
        {
            throw new NtfsRefusedException(string.Create(
                CultureInfo.InvariantCulture,
                $"The volume is NTFS {major}.{minor}, and Covol takes 3.1 (Windows XP and later, mkntfs). Copy its files to a new volume."));
        }

        var flags = BinaryPrimitives.ReadUInt16LittleEndian(information.AsSpan(10));
        if ((flags & IsDirty) != 0)
        {
            throw new NtfsRefusedException($"The volume is marked dirty: it was not unmounted in order or is damaged. {Chkdsk}");
        }

        if ((flags & HasWork) != 0)
        {
            throw new NtfsRefusedException(string.Create(
                CultureInfo.InvariantCulture, $"Windows has work left to do on the volume (flags {flags:x4}). {Chkdsk}"));
        }

        CheckBootFile(volume, clusterSize);
        CheckBadClusters(volume);
        CheckOwnNames(volume);
    }

    /// <summary>The last sector of $Boot will carry the locator; whoever keeps something there would lose it.</summary>
    public static void CheckLocatorPlace(IBlockDevice device)
    {
        var page = new byte[JournalFormat.PageSize];
        device.Read(new LunByteOffset(JournalFormat.RoundDown(JournalLocator.Place)), page);
        if (page.AsSpan((int)(JournalLocator.Place % JournalFormat.PageSize), JournalFormat.SectorSize).ContainsAnyExcept((byte)0))
        {
            throw new NtfsRefusedException(
                "Sector 15 of the volume (of 512 bytes), where Covol notes the place of its journal, is not empty: a boot program is there, or "
                + "a damaged note of Covol. Copy the files to a new volume.");
        }
    }

    /// <summary>That sector has to belong to $Boot: behind its end other files begin.</summary>
    private static void CheckBootFile(MountedVolume volume, int clusterSize)
    {
        if (volume.RunsOf(Interop.LibNtfs.FILE_Boot) is not [{ Lcn: 0 } first, ..]
            || first.Length * clusterSize < JournalLocator.Place + JournalFormat.SectorSize)
        {
            throw new NtfsRefusedException(
                "The volume's $Boot is shorter than 8 KiB, and Covol notes the place of its journal in the last 512 bytes of these. "
                + "Copy the files to a new volume.");
        }
    }

    private static void CheckBadClusters(MountedVolume volume)
    {
        using var record = volume.Open(Interop.LibNtfs.FILE_BadClus);
        using var bad = new DataAttribute(record, volume, Interop.LibNtfs.AT_DATA, "$Bad");
        var count = bad.Runs().Where(run => run.Lcn >= 0).Sum(run => run.Length);
        if (count > 0)
        {
            throw new NtfsRefusedException(
                $"The volume lists {count} bad clusters: the disk below it failed once. Replace it and copy the files to a new volume; "
                + "on an array that is sound, 'chkdsk /b' makes Windows try them again.");
        }
    }

    private static void CheckOwnNames(MountedVolume volume)
    {
        using var root = volume.Open(Interop.LibNtfs.FILE_root);
        foreach (var name in (string[])[FileNames.Journal, FileNames.Orphans])
        {
            if (volume.Find(root, name) is not null)
            {
                throw new NtfsRefusedException(
                    $"The volume has a '{name}', but no note where its journal is: it was a Covol volume, and another program wrote over "
                    + $"that. Check it with chkdsk, then delete {FileNames.Journal} and {FileNames.Orphans} (hidden, in the root) and add it again.");
            }
        }
    }
}
