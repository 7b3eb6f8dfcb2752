using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>A volume over memory: what is made is found, before and after recovery.</summary>
public sealed class VolumeBasics
{
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 1000, 100);
    private static readonly NewInode s_directory = new(FileKind.Directory, 0x1ED, 0, 0);

    [Fact]
    public void What_was_committed_is_there_after_recovery_with_the_callers_state()
    {
        var device = FormattedVolume.Small();
        FileId file;
        using (var volume = Open(device, 1).Volume)
        {
            var made = volume.Create(volume.Root, "disk.raw", s_file);
            file = made.File;
            volume.Extend(file, ByteCount.FromMebibytes(3)).Extents.ShouldNotBeEmpty();
            volume.Commit([1, 2, 3]);
            volume.Create(volume.Root, "not committed", s_file);
        }

        var (again, recovery) = Open(device, 2);
        using var _ = again;

        recovery.Changes.Single().ToArray().ShouldBe([1, 2, 3]);
        again.List(again.Root).Select(entry => entry.Name).ShouldBe(["disk.raw"]);
        var found = again.Lookup(again.Root, "disk.raw").ShouldNotBeNull();
        (found.File, found.Mode, found.Owner, found.Group, found.Kind).ShouldBe((file, 0x1A4, 1000u, 100u, FileKind.Regular));
        again.Map(file).Size.ShouldBe(ByteCount.FromMebibytes(3));
    }

    [Fact]
    public void A_map_leads_to_clusters_and_valid_length_is_raised_only()
    {
        using var volume = Open(FormattedVolume.Small(), 1).Volume;
        var file = volume.Create(volume.Root, "a", s_file).File;

        var map = volume.Extend(file, new ByteCount(10_000));
        volume.SetValidLength(file, new ByteCount(5_000), new FileTime(132_000_000_000_000_000));
        volume.SetValidLength(file, new ByteCount(100), new FileTime(132_000_000_000_000_000));

        map.Size.Value.ShouldBe(10_000);
        map.Extents.Sum(extent => extent.Length.Value).ShouldBe(12_288);
        map.ValidLength.Value.ShouldBe(0);
        volume.Map(file).ValidLength.Value.ShouldBe(5_000);
        volume.GetAttributes(file).Modified.Value.ShouldBe(132_000_000_000_000_000);
    }

    [Fact]
    public void Directories_nest_and_only_empty_ones_go()
    {
        using var volume = Open(FormattedVolume.Small(), 1).Volume;
        var outer = volume.Create(volume.Root, "outer", s_directory).File;
        var inner = volume.Create(outer, "inner", s_directory).File;

        Should.Throw<VolumeException>(() => volume.Unlink(volume.Root, "outer", true)).Error.ShouldBe(VolumeError.NotEmpty);
        Should.Throw<VolumeException>(() => volume.Unlink(outer, "inner", false)).Error.ShouldBe(VolumeError.IsDirectory);
        volume.Unlink(outer, "inner", true).ShouldBe(inner);

        volume.List(outer).ShouldBeEmpty();
        volume.GetAttributes(inner).LinkCount.ShouldBe(0);
        volume.Orphans().ShouldBe([inner]);
        volume.PurgeOrphanStep(inner).ShouldBeTrue();
        volume.Orphans().ShouldBeEmpty();
        Should.Throw<VolumeException>(() => volume.GetAttributes(inner)).Error.ShouldBe(VolumeError.Stale);
    }

    private static (NtfsVolume Volume, JournalRecovery Recovery) Open(SnapshotDevice device, long epoch) =>
        NtfsVolume.Open(device, new Epoch(epoch), NtfsOptions.Default);
}
