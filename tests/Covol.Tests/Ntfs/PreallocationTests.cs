using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Ntfs.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ntfs;

/// <summary>Clusters behind the size of a file that is expected to grow.</summary>
public sealed class PreallocationTests : IDisposable
{
    private static readonly FileTime s_time = new(130_000_000_000_000_000);

    private readonly SnapshotDevice _device = FormattedVolume.Small();
    private readonly NtfsVolume _volume;
    private readonly FileId _file;

    public PreallocationTests()
    {
        _volume = NtfsVolume.Open(_device, new Epoch(1), NtfsOptions.Default).Volume;
        _file = _volume.Create(_volume.Root, "log", new NewInode(FileKind.Regular, 0x1A4, 0, 0)).File;
        _volume.Extend(_file, new ByteCount(100_000));
    }

    public void Dispose()
    {
        _volume.Commit([]);
        _volume.Dispose();
        VolumeChecker.Check(_device).ShouldBeEmpty();
    }

    [Fact]
    public void Spare_clusters_are_behind_the_size_and_become_part_of_the_file_with_its_valid_length()
    {
        var map = _volume.Preallocate(_file, ByteCount.FromMebibytes(1));

        (map.Size.Value, map.ValidLength.Value, map.Allocated).ShouldBe((100_000, 0, ByteCount.FromMebibytes(1)));
        _volume.GetAttributes(_file).Size.Value.ShouldBe(100_000);

        _volume.SetValidLength(_file, new ByteCount(300_001), s_time);
        var grown = _volume.Map(_file);
        (grown.Size.Value, grown.ValidLength.Value, grown.Allocated).ShouldBe((300_001, 300_001, ByteCount.FromMebibytes(1)));
        grown.Extents.ShouldBe(map.Extents);
        _volume.GetAttributes(_file).Size.Value.ShouldBe(300_001);
    }

    [Fact]
    public void Room_that_is_kept_stays_when_spare_clusters_are_given_back_until_the_file_is_cut()
    {
        var kept = new ByteCount(512 << 10);
        _volume.Preallocate(_file, ByteCount.FromMebibytes(1));
        _volume.KeepRoom(_file, kept);
        _volume.RoomKept(_file).ShouldBe(kept);
        _volume.ListExtendedAttributes(_file).ShouldBeEmpty();
        _volume.GetAttributes(_file).IsPlain.ShouldBeTrue();

        _volume.TrimStep(_file).Allocated.ShouldBe(kept);
        _volume.TrimStep(_file).Allocated.ShouldBe(kept);
        _volume.Commit([]);

        // To its present size: the room goes, and the mark with it.
        Repeat(() => _volume.ShrinkStep(_file, new ByteCount(100_000)));
        _volume.RoomKept(_file).ShouldBe(ByteCount.Zero);
        (_volume.Map(_file).Size.Value, _volume.Map(_file).Allocated.Value).ShouldBe((100_000, 102_400));

        _volume.Preallocate(_file, ByteCount.FromMebibytes(1));
        _volume.KeepRoom(_file, kept);
        Repeat(() => _volume.ShrinkStep(_file, new ByteCount(5_000)));
        _volume.RoomKept(_file).ShouldBe(ByteCount.Zero);
        _volume.Map(_file).Allocated.Value.ShouldBe(8_192);

        void Repeat(Func<bool> step)
        {
            for (var steps = 0; !step(); steps++)
            {
                steps.ShouldBeLessThan(10);
                _volume.Commit([]);
            }
        }
    }

    [Fact]
    public void Spare_clusters_are_given_back_and_the_valid_ones_stay()
    {
        var free = _volume.GetSpace().Free;
        _volume.Preallocate(_file, ByteCount.FromMebibytes(4));
        _volume.SetValidLength(_file, new ByteCount(50_000), s_time);

        var map = _volume.TrimStep(_file);

        _volume.GetAttributes(_file).Changed.ShouldBe(s_time);

        (map.Size.Value, map.ValidLength.Value, map.Allocated.Value).ShouldBe((100_000, 50_000, 102_400));
        _volume.GetSpace().Free.ShouldBe(free);
        _volume.TrimStep(_file).Allocated.Value.ShouldBe(102_400);
    }

    [Fact]
    public void A_file_with_spare_clusters_grows_is_cut_and_is_deleted_like_any_other()
    {
        var free = _volume.GetSpace().Free;
        _volume.Preallocate(_file, ByteCount.FromMebibytes(4));

        _volume.Extend(_file, ByteCount.FromMebibytes(2)).Allocated.ShouldBe(ByteCount.FromMebibytes(4));
        _volume.Extend(_file, ByteCount.FromMebibytes(5)).Size.ShouldBe(ByteCount.FromMebibytes(5));
        _volume.Preallocate(_file, ByteCount.FromMebibytes(8));
        _volume.ShrinkStep(_file, new ByteCount(10_000)).ShouldBeTrue();
        _volume.Map(_file).Allocated.Value.ShouldBe(12_288);
        _volume.Preallocate(_file, ByteCount.FromMebibytes(8));
        _volume.PurgeOrphanStep(_volume.Unlink(_volume.Root, "log", false)!.Value).ShouldBeTrue();

        _volume.GetSpace().Free.ShouldBeGreaterThan(free);
    }

    [Fact]
    public void Preallocation_takes_what_is_there_and_valid_length_ends_with_it()
    {
        var free = _volume.GetSpace().Free;

        var map = _volume.Preallocate(_file, ByteCount.FromMebibytes(1024));

        map.Allocated.ShouldBeLessThanOrEqualTo(free + new ByteCount(102_400));
        map.Allocated.Value.ShouldBeGreaterThan(1 << 20);
        map.Size.Value.ShouldBe(100_000);
        Should.Throw<VolumeException>(() => _volume.SetValidLength(_file, map.Allocated + new ByteCount(1), s_time))
            .Error.ShouldBe(VolumeError.InvalidArgument);
    }
}
