using Covol.Ntfs;
using Covol.Protocol;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>Ranges of a file without clusters: made, filled, taken out again. After each test the volume is sound.</summary>
public sealed class FilesWithHoles : IDisposable
{
    private const int Cluster = 4096;
    private const long Tebibyte = 1L << 40;
    private static readonly FileTime s_time = new(130_000_000_000_000_000);

    private readonly SnapshotDevice _device = FormattedVolume.Small();
    private readonly NtfsVolume _volume;
    private readonly FileId _file;
    private bool _isBroken;

    public FilesWithHoles()
    {
        _volume = NtfsVolume.Open(_device, new Epoch(1), NtfsOptions.Default).Volume;
        _file = _volume.Create(_volume.Root, "disk", new NewInode(FileKind.Regular, 0x1A4, 0, 0)).File;
    }

    public void Dispose()
    {
        if (!_isBroken)
        {
            _volume.Commit([]);
        }

        _volume.Dispose();
        VolumeChecker.Check(_device).ShouldBeEmpty();
    }

    [Fact]
    public void A_file_of_fifteen_tebibytes_takes_no_room_and_can_be_deleted()
    {
        var free = _volume.GetSpace().Free;

        var map = _volume.Stretch(_file, new ByteCount(15 * Tebibyte));

        (map.Size.Value, map.ValidLength.Value, map.Extents.Count).ShouldBe((15 * Tebibyte, 0, 0));
        (_volume.GetAttributes(_file).Size.Value, _volume.GetAttributes(_file).Allocated.Value).ShouldBe((15 * Tebibyte, 0));
        _volume.GetSpace().Free.ShouldBe(free);
        _volume.SetValidLength(_file, new ByteCount(15 * Tebibyte), s_time);
        _volume.Map(_file).ValidLength.Value.ShouldBe(15 * Tebibyte);
        _volume.Unlink(_volume.Root, "disk", isDirectory: false).ShouldBe(_file);
        _volume.PurgeOrphanStep(_file).ShouldBeTrue();
        _volume.GetSpace().Free.ShouldBe(free);
    }

    [Fact]
    public void Room_that_a_file_in_many_pieces_with_holes_gets_or_gives_back_is_counted_as_its_own()
    {
        // So many pieces that the record which says what the file takes on the disk is not the one that lists its last ones.
        const int Holes = 500;
        _volume.Extend(_file, new ByteCount(2 * Holes * Cluster));
        _volume.SetValidLength(_file, new ByteCount(2 * Holes * Cluster), s_time);
        for (var hole = 0; hole < Holes; hole++)
        {
            _volume.PunchStep(_file, new FileByteOffset(2 * hole * Cluster), new FileByteOffset(((2 * hole) + 1) * Cluster)).ShouldBeTrue();
            _volume.Commit([1]);
        }

        _volume.Checkpoint([]);

        // Each from the disk: the library counts right for a file whose runs it has just read.
        Anew(volume => volume.Preallocate(_file, new ByteCount(1_111 * Cluster))).ShouldBe((1_111 - Holes) * Cluster);
        Anew(volume => volume.AddSpare(_file, new ByteCount(25 * Cluster))).ShouldBe((1_025 - Holes) * Cluster);
        Anew(volume => volume.Extend(_file, new ByteCount(1_100 * Cluster))).ShouldBe((1_100 - Holes) * Cluster);
        Anew(volume => volume.ShrinkStep(_file, new ByteCount(950 * Cluster))).ShouldBe((950 - 475) * Cluster);
        Anew(volume => volume.Stretch(_file, new ByteCount(2_000 * Cluster))).ShouldBe(Holes * Cluster);

        long Anew<T>(Func<NtfsVolume, T> change)
        {
            var disk = _device.Snapshot();
            using (var volume = NtfsVolume.Open(disk, new Epoch(2), NtfsOptions.Default).Volume)
            {
                change(volume);
                volume.Commit([1]);
                volume.Checkpoint([]);
            }

            VolumeChecker.Check(disk).ShouldBeEmpty();
            using var after = NtfsVolume.Open(disk, new Epoch(3), NtfsOptions.Default).Volume;
            return after.Map(_file).Allocated.Value;
        }
    }

    [Fact]
    public void What_lies_before_a_hole_stays_where_it_is()
    {
        var before = _volume.Extend(_file, new ByteCount(10_000));
        _volume.SetValidLength(_file, new ByteCount(10_000), s_time);

        var map = _volume.Stretch(_file, new ByteCount(1 << 30));

        map.Extents.ShouldBe(before.Extents);
        (map.ValidLength.Value, map.Allocated.Value).ShouldBe((10_000, 3 * Cluster));
    }

    [Fact]
    public void Clusters_are_given_to_the_middle_of_a_hole_and_to_what_lies_behind_the_size()
    {
        _volume.Stretch(_file, new ByteCount(1 << 20));

        Allocate(256 << 10, 320 << 10);
        var map = Allocate(2 << 20, (2 << 20) + 1);

        map.Size.Value.ShouldBe(1 << 20);
        map.Extents.Select(extent => (extent.FileStart.Value, extent.Length.Value)).ShouldBe([(256 << 10, 64 << 10), (2 << 20, Cluster)]);
        map.Allocated.Value.ShouldBe((64 << 10) + Cluster);
        _volume.SetValidLength(_file, new ByteCount((2 << 20) + 1), s_time);
        (_volume.Map(_file).Size.Value, _volume.GetAttributes(_file).Size.Value).ShouldBe(((2 << 20) + 1, (2 << 20) + 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(64 << 10)]
    public void An_empty_file_gets_clusters_where_they_are_wanted(int from)
    {
        var map = Allocate(from, from + (2 * Cluster));

        (map.Size.Value, map.Allocated.Value, map.Extents.Single().FileStart.Value).ShouldBe((0, 2 * Cluster, from));
        _volume.SetValidLength(_file, new ByteCount(from + 5_000), s_time);
        _volume.GetAttributes(_file).Size.Value.ShouldBe(from + 5_000);
    }

    [Fact]
    public void What_is_valid_gets_no_clusters_that_nobody_made_zero()
    {
        _volume.Stretch(_file, new ByteCount(1 << 20));
        _volume.SetValidLength(_file, new ByteCount(1 << 20), s_time);
        _isBroken = true;

        Should.Throw<InvariantBrokenException>(() => Allocate(256 << 10, 320 << 10)).Message.ShouldContain("valid already");
    }

    [Fact]
    public void A_hole_is_filled_with_spare_clusters_and_none_is_left_behind()
    {
        _volume.Stretch(_file, new ByteCount(1 << 20));
        _volume.SetValidLength(_file, new ByteCount(1 << 20), s_time);
        var spare = _volume.AddSpare(_file, new ByteCount(8 * Cluster)).Extents.Single();
        spare.FileStart.Value.ShouldBe(1 << 20);

        var map = _volume.Fill(_file, [
            new FileExtent(new FileByteOffset(10 * Cluster), spare.LunStart, new ByteCount(2 * Cluster)),
            new FileExtent(new FileByteOffset(4 * Cluster), spare.LunStart + new ByteCount(3 * Cluster), new ByteCount(Cluster)),
        ]);

        map.Extents.Select(extent => (extent.FileStart.Value / Cluster, extent.LunStart.Value, extent.Length.Value / Cluster)).ShouldBe([
            (4, spare.LunStart.Value + (3 * Cluster), 1),
            (10, spare.LunStart.Value, 2),
            (256, spare.LunStart.Value + (2 * Cluster), 1),
            (257, spare.LunStart.Value + (4 * Cluster), 4),
        ]);
        (map.Size.Value, map.ValidLength.Value, map.Allocated.Value).ShouldBe((1 << 20, 1 << 20, 8 * Cluster));
        _volume.TrimStep(_file).Allocated.Value.ShouldBe(3 * Cluster);
        _volume.Map(_file).Size.Value.ShouldBe(1 << 20);
    }

    [Fact]
    public void A_file_whose_holes_are_all_filled_is_a_whole_file_again()
    {
        _volume.Stretch(_file, new ByteCount(4 * Cluster));
        _volume.SetValidLength(_file, new ByteCount(4 * Cluster), s_time);
        var spare = _volume.AddSpare(_file, new ByteCount(4 * Cluster)).Extents.Single();

        var map = _volume.Fill(_file, [new FileExtent(FileByteOffset.Zero, spare.LunStart, new ByteCount(4 * Cluster))]);

        map.Extents.Single().LunStart.ShouldBe(spare.LunStart);
        _volume.Extend(_file, new ByteCount(6 * Cluster)).Allocated.Value.ShouldBe(6 * Cluster);
    }

    [Fact]
    public void Clusters_that_are_no_spare_ones_fill_nothing()
    {
        _volume.Extend(_file, new ByteCount(4 * Cluster));
        _volume.Stretch(_file, new ByteCount(8 * Cluster));
        var own = _volume.Map(_file).Extents.Single();
        _isBroken = true;

        Should.Throw<InvariantBrokenException>(
            () => _volume.Fill(_file, [new FileExtent(new FileByteOffset(5 * Cluster), own.LunStart, new ByteCount(Cluster))]))
            .Message.ShouldContain("not the file's spare");
    }

    [Fact]
    public void A_hole_gives_its_clusters_back_and_all_else_stays()
    {
        var free = _volume.GetSpace().Free;
        var before = _volume.Extend(_file, new ByteCount(100 * Cluster)).Extents.Single();
        _volume.SetValidLength(_file, new ByteCount(100 * Cluster), s_time);

        Punch(10, 40);
        Punch(20, 50);
        Punch(99, 100);

        var map = _volume.Map(_file);
        map.Extents.ShouldBe([
            before with { Length = new ByteCount(10 * Cluster) },
            new FileExtent(new FileByteOffset(50 * Cluster), before.LunStart + new ByteCount(50 * Cluster), new ByteCount(49 * Cluster)),
        ]);
        (map.Size.Value, map.ValidLength.Value, map.Allocated.Value).ShouldBe((100 * Cluster, 100 * Cluster, 59 * Cluster));
        (free.Value - _volume.GetSpace().Free.Value).ShouldBe(59 * Cluster);
        _volume.GetAttributes(_file).Allocated.Value.ShouldBe(59 * Cluster);
    }

    [Fact]
    public void A_file_in_a_thousand_pieces_is_filled_and_cut()
    {
        _volume.Extend(_file, new ByteCount(2000 * Cluster));
        _volume.SetValidLength(_file, new ByteCount(2000 * Cluster), s_time);
        for (var hole = 0; hole < 1000; hole++)
        {
            Punch(2 * hole, (2 * hole) + 1);
            _volume.Commit([]);
        }

        _volume.Map(_file).Extents.Count.ShouldBe(1000);
        Punch(0, 1000);
        var filled = new List<FileExtent>();
        var at = FileByteOffset.Zero;
        foreach (var extent in _volume.AddSpare(_file, new ByteCount(500 * Cluster)).Extents)
        {
            // The first spare clusters may go on where the last ones of the file end.
            var own = Math.Clamp((2000L * Cluster) - extent.FileStart.Value, 0, extent.Length.Value);
            if (own < extent.Length.Value)
            {
                filled.Add(new FileExtent(at, extent.LunStart + new ByteCount(own), new ByteCount(extent.Length.Value - own)));
                at = filled[^1].FileEnd;
            }
        }

        at.Value.ShouldBe(500 * Cluster);
        _volume.Fill(_file, filled).Extents.Count.ShouldBe(filled.Count + 500);
        while (!_volume.ShrinkStep(_file, new ByteCount(700 * Cluster)))
        {
            _volume.Commit([]);
        }

        (_volume.Map(_file).Size.Value, _volume.Map(_file).Allocated.Value).ShouldBe((700 * Cluster, 500 * Cluster));
    }

    [Fact]
    public void A_hole_larger_than_one_step_is_made_in_several()
    {
        using var device = new SparseDevice(new ByteCount(Tebibyte / 8));
        NtfsFormatter.Format(device, new NtfsFormatOptions { Label = "large", JournalLength = ByteCount.FromMebibytes(1) });
        using var volume = NtfsVolume.Open(device, new Epoch(1), NtfsOptions.Default).Volume;
        var file = volume.Create(volume.Root, "disk", new NewInode(FileKind.Regular, 0x1A4, 0, 0)).File;
        var length = new ByteCount(Tebibyte / 16);
        for (var map = volume.Map(file); map.Size < length;)
        {
            map = volume.Extend(file, length);
            volume.Commit([]);
        }

        var steps = 1;
        for (; !volume.PunchStep(file, FileByteOffset.Zero, new FileByteOffset(length.Value)); steps++)
        {
            volume.Commit([]);
        }

        volume.Commit([]);
        steps.ShouldBeGreaterThan(1);
        (volume.Map(file).Allocated.Value, volume.Map(file).Size).ShouldBe((0, length));
    }

    private FileMap Allocate(long from, long to) => _volume.Allocate(_file, new FileByteOffset(from), new FileByteOffset(to));

    private void Punch(long from, long to)
    {
        while (!_volume.PunchStep(_file, new FileByteOffset(from * Cluster), new FileByteOffset(to * Cluster)))
        {
            _volume.Commit([]);
        }
    }
}
