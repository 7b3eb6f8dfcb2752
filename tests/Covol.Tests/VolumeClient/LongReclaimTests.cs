using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Locks;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

/// <summary>What does not fit one frame is reclaimed in parts.</summary>
public sealed class LongReclaimTests
{
    private const int Many = 3_000;

    [Fact]
    public async Task Thousands_of_locks_of_one_handle_are_reclaimed_in_parts()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        await LockManyAsync(world, handle);

        var next = world.TakeOver();
        await ClientWorld.UntilAsync(() => next.ExecutedOf<ReclaimComplete>().Count == 1);

        next.Reclaimed.Count.ShouldBeGreaterThan(1);
        next.Reclaimed.ShouldAllBe(part => part.Handle == handle.Id && part.File == handle.File);
        next.Reclaimed.SelectMany(part => part.Locks).Select(held => held.Range.First).Distinct().Count().ShouldBe(Many);
        next.Reclaimed.Count(part => part.Layout is not null).ShouldBe(1);
        handle.IsDead.ShouldBeFalse();
    }

    [Fact]
    public async Task A_layout_of_many_extents_leaves_the_locks_to_a_further_part()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        world.Coordinator.Intercept = request => request is GetLayout get ? new LayoutGranted(Fragmented(get.File), TimeSpan.Zero) : null;
        var handle = await world.OpenDirectAsync();
        await LockManyAsync(world, handle, 500);

        var next = world.TakeOver();
        await ClientWorld.UntilAsync(() => next.ExecutedOf<ReclaimComplete>().Count == 1);

        next.Reclaimed.Count(part => part.Layout is not null).ShouldBe(1);
        next.Reclaimed.Sum(part => part.Locks.Count).ShouldBe(500);
        handle.HasLayout.ShouldBeTrue();
    }

    [Fact]
    public async Task A_part_that_is_refused_ends_the_handle_and_asks_for_no_further_part()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        await LockManyAsync(world, handle);

        var next = world.TakeOver(next => next.Intercept = request => request is ReclaimHandle { Layout: null }
            ? new Refused(VolumeError.ReclaimRefused, "Another session holds a lock that is reclaimed.")
            : null);
        await ClientWorld.UntilAsync(() => next.ExecutedOf<ReclaimComplete>().Count == 1);

        handle.IsDead.ShouldBeTrue();
        next.CallsOf<ReclaimHandle>().Count.ShouldBe(2);
    }

    [Fact]
    public async Task Of_a_layout_in_more_pieces_than_fit_a_frame_the_rest_is_forgotten()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        world.Coordinator.Intercept = request => request is GetLayout get && get.File.Birth == 70
            ? new LayoutGranted(Fragmented(get.File, 8_000), TimeSpan.Zero)
            : null;
        var tooLong = await world.OpenDirectAsync();
        var other = await world.OpenDirectAsync(number: 71);

        var next = world.TakeOver();
        await ClientWorld.UntilAsync(() => next.ExecutedOf<ReclaimComplete>().Count == 1);

        tooLong.HasLayout.ShouldBeTrue();
        tooLong.IsDead.ShouldBeFalse();
        other.HasLayout.ShouldBeTrue();
        next.Reclaimed.Count.ShouldBe(2);
        var told = next.Reclaimed.Single(reclaim => reclaim.File.Birth == 70).Layout.ShouldNotBeNull();
        told.Extents.Count.ShouldBe(Layout.ExtentsMax);
        told.IsPart.ShouldBeTrue();
        var last = new FileByteOffset((Layout.ExtentsMax - 1) * 4096L);
        tooLong.TryMapRead(last, 4096, new LunSegment[1], out _, out var pinned).ShouldBeTrue();
        tooLong.ReadEnded(pinned, 4096, succeeded: true).ShouldBeTrue();
        tooLong.TryMapRead(last + new ByteCount(4096), 4096, new LunSegment[1], out _, out _).ShouldBeFalse();
    }

    private static async Task LockManyAsync(ClientWorld world, OpenFile handle, int count = Many)
    {
        for (long number = 0; number < count; number++)
        {
            var range = new LockRange(long.MaxValue - 10 - (number * 10), long.MaxValue - 5 - (number * 10));
            var held = new HeldLock(new LockOwner(-7), int.MaxValue, LockKind.Range, LockMode.Exclusive, range);
            await world.Volume.SetLockAsync(handle, held, wait: false, CancellationToken.None);
        }
    }

    private static Layout Fragmented(FileId file, int extents = 2_000)
    {
        var pieces = Enumerable.Range(0, extents)
            .Select(number => new FileExtent(
                new FileByteOffset(number * 4096L), new LunByteOffset((1L << 40) + (number * 8192L)), new ByteCount(4096)))
            .ToList();
        return new Layout(file, new LayoutGeneration(1), LayoutAccess.ReadWrite, pieces, new ByteCount(extents * 4096L));
    }
}
