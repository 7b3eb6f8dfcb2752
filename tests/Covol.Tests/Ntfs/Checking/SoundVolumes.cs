using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs.Checking;

/// <summary>A check says nothing about volumes that are sound.</summary>
public sealed class SoundVolumes
{
    [Fact]
    public void A_volume_with_one_of_everything_is_sound()
    {
        var report = VolumeChecker.CheckAtRest(GoodVolume.Copy());

        report.Findings.ShouldBeEmpty();
        report.Files.ShouldBeGreaterThan(300);
        report.Directories.ShouldBeGreaterThan(6);
        report.ReplayedPages.ShouldBe(0);
    }

    [Fact]
    public void A_volume_in_pieces_is_sound() => VolumeChecker.CheckAtRest(FormattedVolume.Fragmented()).Findings.ShouldBeEmpty();

    [Fact]
    public void A_full_volume_is_sound() => VolumeChecker.CheckAtRest(FormattedVolume.Full()).Findings.ShouldBeEmpty();

    [Fact]
    public void What_the_journal_holds_counts_although_it_never_reached_its_place()
    {
        var crashed = GoodVolume.Copy();
        NewInode file = new(FileKind.Regular, 0x1A4, 0, 0);
        using (var volume = NtfsVolume.Open(crashed, new Epoch(2), NtfsOptions.Default).Volume)
        {
            for (var index = 0; index < 20; index++)
            {
                volume.Extend(volume.Create(volume.Root, $"new{index}", file).File, new ByteCount(65_536));
            }

            volume.Commit([]);

            // A crash in the middle of the write-back: some pages are in their places, some are not.
            foreach (var (page, content) in volume.NotInPlace.OrderBy(pair => pair.Key).Where((_, index) => index % 2 == 0))
            {
                crashed.Write(new LunByteOffset(page * 4096), content);
            }
        }

        var report = VolumeChecker.CheckAtRest(crashed);

        report.Findings.ShouldBeEmpty();
        report.ReplayedPages.ShouldBeGreaterThan(2);
        VolumeChecker.Check(crashed).ShouldNotBeEmpty("the control: without the journal the volume is torn");
    }

    [Fact]
    public void A_check_writes_nothing()
    {
        var device = GoodVolume.Copy();
        var before = device.Snapshot();

        VolumeChecker.CheckAtRest(device);

        device.Differences(before).ShouldBeEmpty();
    }

    [Fact]
    public void What_is_no_volume_is_said_to_be_none()
    {
        using var empty = new MemoryBlockDevice(ByteCount.FromMebibytes(16));

        var report = VolumeChecker.CheckAtRest(empty);

        report.Findings.ShouldHaveSingleItem().Code.ShouldBe("volume-unknown");
    }
}
