using Covol.Lun;
using Covol.Ntfs.Format;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>
/// Shows at start, on a small temporary volume, that the libntfs-3g of this machine does what we rely on: distributions patch
/// it, and such patches did
/// break creating files. Also checks the parts of its structures that we read.
/// </summary>
public static class NtfsSelfTest
{
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 1, 2);

    /// <summary>Throws <see cref="NtfsRefusedException"/> with what failed. Takes tens of milliseconds; any thread.</summary>
    public static void Run(string? temporaryFolder = null)
    {
        using var device = new SparseImage(temporaryFolder ?? Path.GetTempPath(), NtfsFormatter.SizeMin);
        NtfsFormatter.Format(device, new NtfsFormatOptions { Label = "selftest", TemporaryFolder = temporaryFolder });
        var map = Change(device);
        var (volume, recovery) = NtfsVolume.Open(device, new Epoch(2), NtfsOptions.Default);
        using (volume)
        {
            Expect(
                recovery.Changes.Count == 1 && recovery.Changes[0].Span.SequenceEqual("state"u8),
                "a committed state did not come back");
            Expect(
                volume.List(volume.Root).Select(entry => entry.Name).SequenceEqual(["folder", "link", "renamed"]),
                "the names are not what was made");
            Expect(
                volume.NamesAfter(volume.Root, "link", 1) is { IsLast: true, Names: [{ Name: "renamed" }] }
                && volume.NamesAfter(volume.Root, null, 1) is { IsLast: false, Names: [{ Name: "folder" }] },
                "a directory is not read on from a name");
            var found = volume.Lookup(volume.Root, "renamed");
            Expect(found is { Mode: 0x1A4, Owner: 1, Group: 2, LinkCount: 1 }, "a file's attributes are not what was set");
            Expect(volume.Map(found!.File).Extents.SequenceEqual(map.Extents), "a file's extents are not what was allocated");
            Expect(volume.Map(found.File).ValidLength.Value == 4096, "a file's valid length is not what was set");
            Expect(volume.ReadLink(volume.Lookup(volume.Root, "link")!.File) == "target", "a symbolic link points elsewhere");
        }

        var problems = VolumeChecker.Check(device);
        Expect(problems.Count == 0, $"the volume is damaged: {string.Join("; ", problems)}");
    }

    private static FileMap Change(IBlockDevice device)
    {
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        var file = volume.Create(volume.Root, "file", s_file).File;
        var folder = volume.Create(volume.Root, "folder", s_file with { Kind = FileKind.Directory }).File;
        volume.Create(volume.Root, "link", s_file with { Kind = FileKind.SymbolicLink, Target = "target" });
        var map = volume.Extend(file, ByteCount.FromMebibytes(1));
        Expect(
            map.Extents.Sum(extent => extent.Length.Value) == 1 << 20, "an extended file has other extents than were asked for");
        volume.SetValidLength(file, new ByteCount(4096), new FileTime(130_000_000_000_000_000));
        volume.Rename(volume.Root, "file", folder, "moved", RenameMode.NoReplace);
        volume.Rename(folder, "moved", volume.Root, "renamed", RenameMode.NoReplace);
        var gone = volume.Create(folder, "gone", s_file).File;
        Expect(
            volume.Unlink(folder, "gone", isDirectory: false) == gone && volume.PurgeOrphanStep(gone),
            "a file could not be deleted");
        volume.Commit("state"u8);
        volume.Create(volume.Root, "not committed", s_file);
        return map;
    }

    private static void Expect(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new NtfsRefusedException(
                $"The libntfs-3g of this machine failed Covol's self-test: {otherwise}. Install Debian's ntfs-3g 1:2022.10.3-1+deb12u4 or later.");
        }
    }
}
