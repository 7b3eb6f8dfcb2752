using Covol.Ntfs;
using Covol.Ntfs.Journal;
using Covol.Protocol;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>
/// A volume of 2 TiB has 64 MiB of cluster bitmap, a multiple of these journals: no commit may need more than fits (SAFETY 17).
/// </summary>
public sealed class LargeVolumeTests
{
    private const long Tebibyte = 1L << 40;
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 0, 0);

    [Fact]
    public void Many_large_files_are_made_and_deleted_in_groups_that_fit_the_journal()
    {
        using var device = new SparseDevice(new ByteCount(2 * Tebibyte));
        NtfsFormatter.Format(device, new NtfsFormatOptions { Label = "large", JournalLength = ByteCount.FromMebibytes(4) });
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        var free = volume.GetSpace().Free;
        var files = Enumerable.Range(0, 14).Select(index => volume.Create(volume.Root, $"disk{index}", s_file).File).ToList();
        volume.Commit([]);

        var size = new ByteCount(Tebibyte / 8);

        var commits = files.Sum(file => Repeat(volume, () => volume.Extend(file, size).Size == size));
        files.ForEach(file => Repeat(volume, () => volume.Unlink(volume.Root, $"disk{files.IndexOf(file)}", false) == file));
        commits += files.Sum(file => Repeat(volume, () => volume.PurgeOrphanStep(file)));
        volume.Commit([]);

        volume.GetSpace().Free.ShouldBeGreaterThan(free - ByteCount.FromMebibytes(1));
        volume.Orphans().ShouldBeEmpty();
        commits.ShouldBeGreaterThan(20);
        device.LargestWrite.ShouldBeLessThan(3 << 20);
    }

    [Fact]
    public void A_LUN_of_64_tebibytes_gets_large_clusters_and_takes_files_beyond_what_small_ones_allow()
    {
        using var device = new SparseDevice(new ByteCount(64 * Tebibyte));
        NtfsFormatter.Format(device, new NtfsFormatOptions { Label = "largest" });
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            volume.ClusterSize.ShouldBe(65_536);
            var file = volume.Create(volume.Root, "disk", s_file).File;
            var size = new ByteCount(20 * Tebibyte);
            Repeat(volume, () => volume.Extend(file, size).Size == size);
            volume.Commit([]);
            volume.Map(file).Extents.Sum(extent => extent.Length.Value).ShouldBe(size.Value);
            Repeat(volume, () => volume.Unlink(volume.Root, "disk", false) == file);
            Repeat(volume, () => volume.PurgeOrphanStep(file)).ShouldBeGreaterThan(0);
            volume.Commit([]);
        }

        NtfsReleaser.Release(device);
        NtfsAdopter.Adopt(device, NtfsAdoptionOptions.Default);
        using var adopted = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        adopted.List(adopted.Root).ShouldBeEmpty();
    }

    [Fact]
    public void Without_the_bound_a_group_outgrows_the_journal()
    {
        using var device = new SparseDevice(new ByteCount(2 * Tebibyte));
        NtfsFormatter.Format(device, new NtfsFormatOptions { Label = "large", JournalLength = ByteCount.FromMebibytes(1) });
        var without = JournalControls.All with { BoundCommit = false };
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default, without).Volume;
        for (var index = 0; index < 20; index++)
        {
            volume.Extend(volume.Create(volume.Root, $"disk{index}", s_file).File, new ByteCount(Tebibyte / 32));
        }

        Should.Throw<InvariantBrokenException>(() => volume.Commit([])).Message.ShouldContain("larger than the whole journal");
    }

    [Fact]
    public void A_change_that_does_not_fit_the_group_says_so_and_changes_nothing()
    {
        var device = FormattedVolume.Tight();
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume)
        {
            var made = 0;
            Should.Throw<GroupFullException>(() =>
            {
                for (; made < 10_000; made++)
                {
                    var file = volume.Create(volume.Root, $"file {made}", s_file).File;
                    volume.SetExtendedAttribute(file, "user.big", new byte[9000], false, false);
                }
            });

            volume.HasRoomForChange.ShouldBeFalse();
            volume.Commit([]);
            volume.HasRoomForChange.ShouldBeTrue();
            volume.List(volume.Root).Count.ShouldBeInRange(made, made + 1);
        }

        VolumeChecker.Check(device).ShouldBeEmpty();
    }

    [Fact]
    public void A_file_in_pieces_all_over_a_large_volume_grows_and_goes_in_steps()
    {
        // Each window of the bitmap has one hole of a cluster's size, so whatever takes many clusters touches as many pages.
        var device = new SparseDevice(new ByteCount(Tebibyte / 8));
        NtfsFormatter.Format(device, new NtfsFormatOptions { Label = "pieces", JournalLength = ByteCount.FromMebibytes(1) });
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        LeaveHoles(volume, bytesBetween: 64L << 20);
        var free = volume.GetSpace().Free;
        var file = volume.Create(volume.Root, "scattered", s_file).File;

        var size = free - ByteCount.FromMebibytes(1);

        Repeat(volume, () => volume.Extend(file, size).Size == size).ShouldBeGreaterThan(1);
        volume.SetValidLength(file, size, new FileTime(130_000_000_000_000_000));
        volume.Commit([]);
        volume.Map(file).ValidLength.ShouldBe(size);
        volume.Map(file).Extents.Count.ShouldBeGreaterThan(300);
        Repeat(volume, () => volume.ShrinkStep(file, ByteCount.Zero)).ShouldBeGreaterThan(1);
        volume.GetSpace().Free.ShouldBeGreaterThan(free - ByteCount.FromMebibytes(1));
    }

    /// <summary>Fills a volume with files and takes every second, small one away.</summary>
    private static void LeaveHoles(NtfsVolume volume, long bytesBetween)
    {
        var count = 0;
        while (volume.GetSpace().Free.Value > bytesBetween + (8 << 20))
        {
            var (small, large) = ($"small{count}", $"large{count}");
            count++;
            var hole = volume.Create(volume.Root, small, s_file).File;
            Repeat(volume, () => volume.Extend(hole, new ByteCount(32_768)).Size.Value == 32_768);
            var file = volume.Create(volume.Root, large, s_file).File;
            Repeat(volume, () => volume.Extend(file, new ByteCount(bytesBetween)).Size.Value == bytesBetween);
        }

        var rest = volume.Create(volume.Root, "rest", s_file).File;
        var left = volume.GetSpace().Free;
        Repeat(volume, () => volume.Extend(rest, left).Size == left);
        for (var index = 0; index < count; index++)
        {
            FileId? orphan = null;
            Repeat(volume, () => (orphan = volume.Unlink(volume.Root, $"small{index}", false)) is not null);
            Repeat(volume, () => volume.PurgeOrphanStep(orphan!.Value));
        }

        volume.Commit([]);
    }

    /// <summary>
    /// As a coordinator does it: a step, a commit where the group is full, until it is done. Returns the commits.
    /// </summary>
    private static int Repeat(NtfsVolume volume, Func<bool> step)
    {
        for (var commits = 0; commits < 10_000; commits++)
        {
            if (!volume.HasRoomForChange)
            {
                volume.Commit([]);
            }

            if (step())
            {
                return commits;
            }

            volume.Commit([]);
        }

        throw new InvalidOperationException("The steps do not end.");
    }
}
