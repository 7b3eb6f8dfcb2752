using Covol.Ntfs;
using Covol.Ntfs.Format;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Tests.Ntfs.Support;

/// <summary>NTFS volumes that are no Covol volumes, with files on them, and what these hold.</summary>
internal static class PlainVolume
{
    private static readonly Lazy<(SnapshotDevice Device, string Tree)> s_worked = new(() => Release(FormattedVolume.Small()));
    private static readonly Lazy<(SnapshotDevice Device, string Tree)> s_large = new(() => Release(FormattedVolume.LargeSectors()));

    /// <summary>32 MiB with files, links, folders and extended attributes, and its tree as Covol shows it.</summary>
    /// <param name="sector">Bytes of the volume's sectors.</param>
    public static (SnapshotDevice Device, string Tree) Worked(int sector = 512)
    {
        var made = sector == 512 ? s_worked : s_large;
        lock (made)
        {
            return (made.Value.Device.Snapshot(), made.Value.Tree);
        }
    }

    /// <summary>Puts files on a Covol volume and releases it.</summary>
    public static (SnapshotDevice Device, string Tree) Release(SnapshotDevice device)
    {
        string tree;
        using (var volume = NtfsVolume.Open(device, new Epoch(3), NtfsOptions.Default).Volume)
        {
            Work(volume);
            tree = VolumeTree.Of(volume).ToString();
        }

        NtfsReleaser.Release(device);
        return (device, tree);
    }

    /// <summary>As mkntfs leaves it.</summary>
    public static SnapshotDevice Empty(ByteCount size, int clusterSize, int sector = 512)
    {
        var device = new SnapshotDevice(size);
        using var image = new SparseImage(Path.GetTempPath(), size);
        NtfsFormatter.MakeNtfs(image.Path, "plain", clusterSize, sector);
        var page = new byte[JournalFormat.PageSize];
        foreach (var (start, end) in image.DataRanges())
        {
            for (var at = start; at < end; at += page.Length)
            {
                image.Read(new LunByteOffset(at), page);
                device.Write(new LunByteOffset(at), page);
            }
        }

        return device;
    }

    /// <summary>The tree of a Covol volume, under an epoch above all others.</summary>
    public static string TreeOf(SnapshotDevice device)
    {
        using var volume = NtfsVolume.Open(device, new Epoch(9), NtfsOptions.Default).Volume;
        return VolumeTree.Of(volume).ToString();
    }

    public static bool HasLocator(SnapshotDevice device) =>
        VolumeGeometry.LocatorOf(device, VolumeGeometry.Read(device)) is not null;

    /// <summary>What our checker says of a volume without a journal.</summary>
    public static IEnumerable<string> ProblemsOf(SnapshotDevice device) =>
        VolumeChecker.Check(device).Select(finding => finding.ToString());

    private static void Work(NtfsVolume volume)
    {
        var folder = volume.Create(volume.Root, "folder", new NewInode(FileKind.Directory, 0x1ED, 1, 2)).File;
        for (var index = 0; index < 60; index++)
        {
            var file = volume.Create(folder, $"a file with a name of some length {index}", new NewInode(FileKind.Regular, 0x1A4, 0, 0)).File;
            volume.Extend(file, new ByteCount(1 + (index * 1000)));
            volume.SetExtendedAttribute(file, "user.number", [(byte)index], mustExist: false, mustNotExist: false);
            if (index % 7 == 0)
            {
                volume.Link(file, volume.Root, $"link {index}");
            }
        }

        volume.Create(folder, "symbolic", new NewInode(FileKind.SymbolicLink, 0x1FF, 0, 0, Target: "../somewhere"));
        volume.Commit([]);
    }
}
