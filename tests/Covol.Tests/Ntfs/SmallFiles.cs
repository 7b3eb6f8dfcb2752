using Covol.Ntfs;
using Covol.Ntfs.Journal;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>Small files whose data goes through the journal.</summary>
public sealed class SmallFiles
{
    private static readonly NewInode s_file = new(FileKind.Regular, 0x1A4, 0, 0);
    private static readonly FileTime s_time = new(130_000_000_000_000_000);

    [Fact]
    public void A_file_of_a_few_bytes_stays_in_its_record()
    {
        using var volume = Open(FormattedVolume.Small());
        var file = volume.Create(volume.Root, "a", s_file).File;

        Write(volume, file, 0, 100).ShouldBeTrue();

        volume.Map(file).IsResident.ShouldBeTrue();
        volume.TryRead(file, 0, 1000).ShouldBe(FilePattern.Bytes(file, 0, 100));
    }

    [Fact]
    public void A_small_file_grows_write_by_write_and_outgrows_its_record()
    {
        using var volume = Open(FormattedVolume.Small());
        var file = volume.Create(volume.Root, "a", s_file).File;
        for (var at = 0; at < 60_000; at += 1_000)
        {
            Write(volume, file, at, 1_000).ShouldBeTrue();
            volume.Commit([]);
        }

        var map = volume.Map(file);

        map.IsResident.ShouldBeFalse();
        (map.Size, map.ValidLength).ShouldBe((new ByteCount(60_000), new ByteCount(60_000)));
        volume.TryRead(file, 0, 70_000).ShouldBe(FilePattern.Bytes(file, 0, 60_000));
        volume.GetAttributes(file).Modified.ShouldBe(s_time);
    }

    [Fact]
    public void What_is_written_at_the_end_lies_behind_what_was_there()
    {
        using var volume = Open(FormattedVolume.Small());
        var file = volume.Create(volume.Root, "a", s_file).File;
        Write(volume, file, 0, 5_000);

        var placed = volume.TryWrite(file, null, FilePattern.Bytes(file, 5_000, 3_000), s_time);

        placed.ShouldBe((new FileByteOffset(5_000), new ByteCount(8_000)));
        volume.TryRead(file, 4_000, 4_000).ShouldBe(FilePattern.Bytes(file, 4_000, 4_000));
    }

    [Fact]
    public void A_write_that_leaves_a_gap_or_makes_the_file_large_goes_the_ordinary_way()
    {
        using var volume = Open(FormattedVolume.Small());
        var file = volume.Create(volume.Root, "a", s_file).File;

        Write(volume, file, 1, 100).ShouldBeFalse();
        Write(volume, file, 0, INtfsSmallFiles.SmallMax + 1).ShouldBeFalse();

        volume.Map(file).Size.ShouldBe(ByteCount.Zero);
    }

    [Fact]
    public void A_file_that_was_given_out_is_not_written_by_the_journal_again()
    {
        using var volume = Open(FormattedVolume.Small());
        var file = volume.Create(volume.Root, "a", s_file).File;
        Write(volume, file, 0, 8_000).ShouldBeTrue();
        volume.Commit([]);

        volume.MustCheckpointBefore(volume.Map(file).Extents).ShouldBeTrue();
        volume.Checkpoint([]);

        Write(volume, file, 0, 100).ShouldBeFalse();
        volume.TryRead(file, 0, 100).ShouldBeNull();
    }

    [Fact]
    public void What_a_node_wrote_after_the_grant_stays() => BytesOfNode(JournalControls.All).ShouldBe(8_192);

    [Fact]
    public void Without_the_look_at_what_was_given_out_the_journal_writes_over_what_a_node_wrote() =>
        BytesOfNode(JournalControls.All with { JournalsOnlyItsOwn = false }).ShouldBeLessThan(8_192);

    [Fact]
    public void A_small_file_goes_with_its_name_in_one_change()
    {
        var device = FormattedVolume.Small();
        using (var volume = Open(device))
        {
            var free = volume.GetSpace().Free;
            var file = volume.Create(volume.Root, "a", s_file).File;
            Write(volume, file, 0, 20_000);
            volume.Commit([]);

            volume.TryRemove(volume.Root, "a", file).ShouldBeTrue();

            volume.Lookup(volume.Root, "a").ShouldBeNull();
            volume.Orphans().ShouldBeEmpty();
            volume.GetSpace().Free.ShouldBe(free);
            volume.Commit([]);
        }

        NtfsVolume.Open(device, new Epoch(2), NtfsOptions.Default).Volume.Dispose();
        VolumeChecker.Check(device).ShouldBeEmpty();
    }

    [Fact]
    public void What_has_another_name_or_is_another_file_is_not_removed()
    {
        using var volume = Open(FormattedVolume.Small());
        var file = volume.Create(volume.Root, "a", s_file).File;
        var other = volume.Create(volume.Root, "b", s_file).File;
        volume.Link(file, volume.Root, "c");

        volume.TryRemove(volume.Root, "a", file).ShouldBeFalse();
        volume.TryRemove(volume.Root, "b", file).ShouldBeFalse();
        Should.Throw<VolumeException>(() => volume.TryRemove(volume.Root, "d", file)).Error.ShouldBe(VolumeError.NotFound);

        volume.Lookup(volume.Root, "a")!.File.ShouldBe(file);
        volume.Lookup(volume.Root, "b")!.File.ShouldBe(other);
    }

    /// <summary>How many bytes of what a node wrote into a small file are there after a write of the coordinator's and a crash.</summary>
    private static int BytesOfNode(JournalControls controls)
    {
        var device = FormattedVolume.Small();
        FileMap map;
        using (var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default, controls).Volume)
        {
            var file = volume.Create(volume.Root, "a", s_file).File;
            Write(volume, file, 0, 8_192).ShouldBeTrue();
            volume.Commit([]);
            map = volume.Map(file);
            if (volume.MustCheckpointBefore(map.Extents))
            {
                volume.Checkpoint([]);
            }

            Write(volume, file, 0, 10);
            volume.Commit([]);
            foreach (var (_, place) in FilePattern.Pages(map, 0, 8_192))
            {
                device.Write(place, [.. Enumerable.Repeat((byte)0xDA, 4096)]);
            }
        }

        NtfsVolume.Open(device, new Epoch(2), NtfsOptions.Default).Volume.Dispose();
        var content = new byte[4096];
        return FilePattern.Pages(map, 0, 8_192).Sum(page =>
        {
            device.Read(page.Place, content);
            return content.Count(single => single == 0xDA);
        });
    }

    private static NtfsVolume Open(SnapshotDevice device) => NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;

    private static bool Write(NtfsVolume volume, FileId file, long start, int length) =>
        volume.TryWrite(file, start, FilePattern.Bytes(file, start, length), s_time) is not null;
}
