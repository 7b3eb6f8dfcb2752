using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

public sealed class LayoutSnapshotTests
{
    private readonly FakeClock _clock = new();

    [Fact]
    public void A_read_across_extents_is_mapped_piece_by_piece()
    {
        var snapshot = Snapshot(10_000, LayoutAccess.Read, (4096, 1 << 20), (8192, 4 << 20));
        var segments = new LunSegment[4];

        snapshot.TryMapRead(2048, 6144, segments, out var count).ShouldBeTrue();

        segments[..count].ShouldBe([new(new((1 << 20) + 2048), 2048), new(new(4 << 20), 4096)]);
    }

    [Fact]
    public void An_unaligned_read_takes_the_whole_blocks_around_it()
    {
        var snapshot = Snapshot(10_000, LayoutAccess.Read, (12_288, 1 << 20));
        var segments = new LunSegment[4];

        snapshot.TryMapRead(9_900, 100, segments, out var count).ShouldBeTrue();

        segments[..count].ShouldBe([new(new((1 << 20) + 9_728), 512)]);
    }

    [Theory]
    [InlineData(9_999, 2)]
    [InlineData(10_000, 1)]
    [InlineData(long.MaxValue, 4096)]
    [InlineData(-512, 512)]
    [InlineData(0, 0)]
    public void What_is_not_valid_data_is_not_mapped(long offset, int length)
    {
        var snapshot = Snapshot(10_000, LayoutAccess.ReadWrite, (12_288, 1 << 20));

        snapshot.TryMapRead(offset, length, new LunSegment[4], out _).ShouldBeFalse();
        snapshot.TryMapWrite(offset, length, new LunSegment[4], out _).ShouldBeFalse();
    }

    [Fact]
    public void The_last_partial_block_is_written_at_the_coordinator_only()
    {
        var snapshot = Snapshot(10_000, LayoutAccess.ReadWrite, (12_288, 1 << 20));

        snapshot.WriteEnd.ShouldBe(9_728);
        snapshot.TryMapWrite(9_216, 512, new LunSegment[4], out _).ShouldBeTrue();
        snapshot.TryMapWrite(9_728, 512, new LunSegment[4], out _).ShouldBeFalse();
    }

    [Theory]
    [InlineData(1, 512)]
    [InlineData(0, 511)]
    [InlineData(512, 700)]
    public void A_write_of_parts_of_blocks_is_not_mapped(long offset, int length) =>
        Snapshot(10_000, LayoutAccess.ReadWrite, (12_288, 1 << 20)).TryMapWrite(offset, length, new LunSegment[4], out _).ShouldBeFalse();

    [Fact]
    public void A_read_layout_maps_no_write() =>
        Snapshot(10_000, LayoutAccess.Read, (12_288, 1 << 20)).TryMapWrite(0, 512, new LunSegment[4], out _).ShouldBeFalse();

    [Fact]
    public void More_pieces_than_there_is_room_for_go_to_the_coordinator()
    {
        var snapshot = Snapshot(12_288, LayoutAccess.Read, (4096, 0), (4096, 1 << 20), (4096, 2 << 20));

        snapshot.TryMapRead(0, 12_288, new LunSegment[2], out _).ShouldBeFalse();
        snapshot.TryMapRead(0, 8_192, new LunSegment[2], out _).ShouldBeTrue();
    }

    [Theory]
    [InlineData(0, 4_096, false)]
    [InlineData(0, 8_192, false)]
    [InlineData(4_096, 4_096, true)]
    [InlineData(4_096, 8_192, false)]
    [InlineData(8_192, 4_096, false)]
    [InlineData(12_288, 4_096, true)]
    [InlineData(16_384, 4_096, false)]
    public void A_hole_is_neither_read_nor_written_directly(long offset, int length, bool mapped)
    {
        var layout = new Layout(
            new FileId(new FileReference(70, 1), 1),
            new LayoutGeneration(1),
            LayoutAccess.ReadWrite,
            [
                new FileExtent(new FileByteOffset(4_096), new LunByteOffset(0), new ByteCount(4_096)),
                new FileExtent(new FileByteOffset(12_288), new LunByteOffset(1 << 20), new ByteCount(4_096)),
            ],
            new ByteCount(20_480));
        var snapshot = new LayoutSnapshot(layout, 512, new LeaseClock(_clock), 0);

        snapshot.TryMapRead(offset, length, new LunSegment[4], out _).ShouldBe(mapped);
        snapshot.TryMapWrite(offset, length, new LunSegment[4], out _).ShouldBe(mapped);
    }

    [Theory]
    [InlineData(4_096, 0)]
    [InlineData(0, 8_192)]
    public void A_layout_that_is_not_sorted_or_has_holes_before_its_tail_is_not_believed(long first, long second)
    {
        var layout = new Layout(
            new FileId(new FileReference(70, 1), 1),
            new LayoutGeneration(1),
            LayoutAccess.ReadWrite,
            [
                new FileExtent(new FileByteOffset(first), new LunByteOffset(0), new ByteCount(4_096)),
                new FileExtent(new FileByteOffset(second), new LunByteOffset(1 << 20), new ByteCount(4_096)),
            ],
            new ByteCount(4_096))
        {
            TailEnd = new FileByteOffset(second + 4_096),
        };

        Should.Throw<InvariantBrokenException>(() => new LayoutSnapshot(layout, 512, new LeaseClock(_clock), 0));
    }

    [Fact]
    public void A_closed_layout_is_drained_when_its_last_user_lets_go()
    {
        var snapshot = Snapshot(4096, LayoutAccess.Read, (4096, 0));
        snapshot.TryPin().ShouldBeTrue();
        snapshot.TryPin().ShouldBeTrue();

        snapshot.Close();
        snapshot.TryPin().ShouldBeFalse();
        snapshot.Unpin();
        snapshot.Drained.IsCompleted.ShouldBeFalse();
        snapshot.Unpin();

        snapshot.Drained.IsCompleted.ShouldBeTrue();
    }

    [Fact]
    public void A_layout_that_nobody_uses_is_drained_when_it_is_closed()
    {
        var snapshot = Snapshot(4096, LayoutAccess.Read, (4096, 0));

        snapshot.Close();

        snapshot.Drained.IsCompleted.ShouldBeTrue();
    }

    [Fact]
    public async Task Nobody_is_inside_a_drained_layout_whatever_the_timing()
    {
        for (var round = 0; round < 200; round++)
        {
            var snapshot = Snapshot(4096, LayoutAccess.Read, (4096, 0));
            var inside = 0;
            var users = Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
            {
                while (snapshot.TryPin())
                {
                    Interlocked.Increment(ref inside);
                    Interlocked.Decrement(ref inside);
                    snapshot.Unpin();
                }
            })).ToArray();

            snapshot.Close();
            await snapshot.Drained.WaitAsync(TimeSpan.FromSeconds(20));
            Volatile.Read(ref inside).ShouldBe(0);
            await Task.WhenAll(users);
        }
    }

    [Fact]
    public void A_lease_that_ran_out_and_was_renewed_makes_what_was_granted_before_no_good_again()
    {
        var lease = new LeaseClock(_clock);
        lease.Renewed(_clock.Now, TimeSpan.FromSeconds(10)).ShouldBeTrue();
        var life = lease.Life;
        _clock.Advance(TimeSpan.FromSeconds(5));
        lease.Renewed(_clock.Now, TimeSpan.FromSeconds(10)).ShouldBeFalse("It has run all the time.");
        _clock.Advance(TimeSpan.FromSeconds(8));
        lease.IsRunningSince(life).ShouldBeTrue();
        _clock.Advance(TimeSpan.FromSeconds(3));
        lease.IsRunningSince(life).ShouldBeFalse();

        lease.Renewed(_clock.Now, TimeSpan.FromSeconds(10)).ShouldBeTrue();

        lease.IsRunning.ShouldBeTrue();
        lease.IsRunningSince(life).ShouldBeFalse();
        lease.IsRunningSince(lease.Life).ShouldBeTrue();
    }

    [Fact]
    public void A_longer_tail_is_taken_only_where_it_continues_what_is_known()
    {
        var snapshot = Snapshot(4096, LayoutAccess.ReadWrite, 8192, (4096, 1 << 20), (4096, 4 << 20));
        var known = snapshot.Layout;
        var room = new FileExtent(new FileByteOffset(8192), new LunByteOffset(8 << 20), new ByteCount(8192));
        var longer = known with { Extents = [.. known.Extents, room], TailEnd = new FileByteOffset(16_384) };

        snapshot.TryExtend(longer with { Generation = new LayoutGeneration(2) }).ShouldBeFalse();
        snapshot.TryExtend(longer with { Extents = known.Extents }).ShouldBeFalse();
        snapshot.TryExtend(longer with { Extents = [.. known.Extents, room with { FileStart = new FileByteOffset(12_288) }] }).ShouldBeFalse();
        var moved = known.Extents[0] with { LunStart = new LunByteOffset(2 << 20) };
        snapshot.TryExtend(longer with { Extents = [moved, known.Extents[1], room] }).ShouldBeFalse();
        snapshot.TryMapWrite(8192, 4096, new LunSegment[4], out _).ShouldBeFalse();
        snapshot.Layout.ShouldBe(known);

        snapshot.TryExtend(longer).ShouldBeTrue();
        var segments = new LunSegment[4];
        snapshot.TryMapWrite(4096, 12_288, segments, out var count).ShouldBeTrue();
        segments[..count].ShouldBe([new(new(4 << 20), 4096), new(new(8 << 20), 8192)]);
        snapshot.TryExtend(longer).ShouldBeFalse("It is no longer than that.");
    }

    private LayoutSnapshot Snapshot(long validLength, LayoutAccess access, params (long Length, long Lun)[] runs) =>
        Snapshot(validLength, access, 0, runs);

    private LayoutSnapshot Snapshot(long validLength, LayoutAccess access, long tailEnd, params (long Length, long Lun)[] runs)
    {
        var extents = new List<FileExtent>();
        var at = FileByteOffset.Zero;
        foreach (var (length, lun) in runs)
        {
            extents.Add(new FileExtent(at, new LunByteOffset(lun), new ByteCount(length)));
            at += new ByteCount(length);
        }

        var layout = new Layout(
            new FileId(new FileReference(70, 1), 1), new LayoutGeneration(1), access, extents, new ByteCount(validLength))
        {
            TailEnd = new FileByteOffset(tailEnd),
        };
        return new LayoutSnapshot(layout, 512, new LeaseClock(_clock), 0);
    }
}
