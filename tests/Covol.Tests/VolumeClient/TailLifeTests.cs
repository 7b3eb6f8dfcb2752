using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

/// <summary>When a node asks for a tail and for more of it, what waits for that, and what it says of one that was lost.</summary>
public sealed class TailLifeTests
{
    private const int Block = FakeCoordinator.BlockSize;
    private const int Length = 1 << 20;

    /// <summary>With each renewal tails are told, and those that nobody writes are given back.</summary>
    private static readonly TimeSpan s_never = TimeSpan.FromHours(1);

    [Fact]
    public async Task A_flush_of_a_file_that_lost_what_was_written_behind_its_end_is_not_answered_by_this_node()
    {
        await using var world = new ClientWorld(renewEvery: s_never);
        await world.ConnectAsync();
        var handle = await OpenWithTailAsync(world);
        await world.Volume.SynchronizeAsync(handle.File);
        Write(handle, Length);
        world.Volume.FlushFailed(handle);

        // The layout goes, and another one without a tail comes.
        world.Coordinator.Intercept = null;
        world.Coordinator.Notify(new RecallLayout(handle.File, LayoutOf(handle).Generation));
        await ClientWorld.UntilAsync(() => !handle.HasLayout);
        world.Volume.ExpectData(handle, new ByteCount(Length));
        await ClientWorld.UntilAsync(() => handle.HasLayout);

        handle.TryBeginFlush(out _).ShouldBeFalse("It would say that all is well.");
        (await Should.ThrowAsync<VolumeException>(async () => await world.Volume.SynchronizeAsync(handle.File)))
            .Error.ShouldBe(VolumeError.IoFailed);
    }

    [Fact]
    public async Task A_flush_that_was_under_way_when_it_was_lost_is_not_answered_either()
    {
        await using var world = new ClientWorld(renewEvery: s_never);
        await world.ConnectAsync();
        var handle = await OpenWithTailAsync(world);
        await world.Volume.SynchronizeAsync(handle.File);
        handle.TryBeginFlush(out var pinned).ShouldBeTrue();
        Write(handle, Length);

        world.Volume.FlushFailed(handle);

        handle.FlushEnded(pinned, succeeded: true).ShouldBeFalse();
    }

    [Fact]
    public async Task What_is_written_and_closed_and_known_to_this_node_alone_is_counted_before_the_volume_is_taken_off_it()
    {
        await using var world = new ClientWorld(renewEvery: s_never);
        await world.ConnectAsync();
        var handle = await OpenWithTailAsync(world);
        Write(handle, Length);
        world.Coordinator.Silent = request => request is ReturnLayout or CommitLayout;
        _ = world.Volume.CloseAsync(handle).AsTask();
        world.Volume.Describe().OpenHandles.ShouldBe(0);

        (await world.Volume.TellTailsAsync(TimeSpan.FromMilliseconds(50))).ShouldBe(1);

        world.Coordinator.Silent = null;
        world.Coordinator.BreakConnections();
        (await world.Volume.TellTailsAsync(TimeSpan.FromSeconds(20))).ShouldBe(0);
        world.Coordinator.ExecutedOf<CommitLayout>().ShouldContain(told => told.Written.Count == 1);
    }

    [Fact]
    public async Task When_half_of_a_tail_is_written_it_is_made_longer_and_writes_go_on()
    {
        await using var world = new ClientWorld(renewEvery: s_never);
        await world.ConnectAsync();
        var handle = await OpenWithTailAsync(world, tail: 4 * Block);
        Write(handle, Length);
        Write(handle, Length + Block);
        world.Coordinator.ExecutedOf<GetLayout>().ShouldHaveSingleItem();

        Write(handle, Length + (2 * Block));
        await ClientWorld.UntilAsync(() => TryWrite(handle, Length + (7 * Block)));

        world.Coordinator.ExecutedOf<GetLayout>()[1].Extends.ShouldBe(LayoutOf(handle).Generation);
        for (var block = 3; block < 7; block++)
        {
            Write(handle, Length + (block * Block));
        }
    }

    [Fact]
    public async Task A_write_at_the_end_waits_for_room_that_is_on_its_way_but_not_long()
    {
        await using var world = new ClientWorld(renewEvery: s_never);
        await world.ConnectAsync();
        var file = world.Coordinator.AddFile(70, 0);
        var (handle, _) = await world.Volume.OpenAsync(file, OpenAccess.ReadWrite, truncate: false);
        world.Coordinator.Silent = request => request is GetLayout { WithTail: true };
        await world.Volume.WriteAsync(handle, FileByteOffset.Zero, false, false, new byte[Length]);

        const int end = Length;
        var pause = handle.PauseOf(new FileByteOffset(end), Block).ShouldNotBeNull("It would end the tail that is being made.");
        handle.PauseOf(new FileByteOffset(end), 100).ShouldBeNull("Parts of blocks are never written there.");
        handle.PauseOf(FileByteOffset.Zero, Block).ShouldBeNull("It lies elsewhere.");

        await pause.WaitAsync(TimeSpan.FromSeconds(20));
        handle.PauseOf(new FileByteOffset(end), Block).ShouldBeNull("The coordinator does not answer.");
    }

    [Fact]
    public void Writes_of_parts_of_blocks_are_no_growth_that_a_tail_serves()
    {
        var file = new ClientFile(new FileId(new FileReference(70, 1), 1), new FakeClock());
        for (long end = 100; end < 10_000; end += 100)
        {
            Note(file, end - 100, end).ShouldBeFalse();
        }

        Note(file, 0, Block).ShouldBeFalse();
        Note(file, Block, 2 * Block).ShouldBeFalse();
        Note(file, 2 * Block, 3 * Block).ShouldBeTrue();
        Note(file, 3 * Block, (3 * Block) + 100).ShouldBeFalse();
    }

    [Fact]
    public void One_large_write_is_growth_enough() =>
        Note(new ClientFile(new FileId(new FileReference(70, 1), 1), new FakeClock()), 0, 1 << 20).ShouldBeTrue();

    private static bool Note(ClientFile file, long start, long end) =>
        file.NoteGrowth(start, end, new ByteCount(end), append: false, least: 3, Block);

    /// <summary>A file of 1 MiB whose layout has a tail, which is doubled whenever it is to be longer.</summary>
    private static async Task<OpenFile> OpenWithTailAsync(ClientWorld world, int tail = 64 * Block)
    {
        world.Coordinator.Intercept = request =>
        {
            if (request is not GetLayout get)
            {
                return null;
            }

            tail *= get.Extends is null ? 1 : 2;
            var layout = world.Coordinator.Grant(get.File, LayoutAccess.ReadWrite);
            return new LayoutGranted(
                layout with
                {
                    Generation = get.Extends ?? layout.Generation,
                    Extents = [layout.Extents[0] with { Length = new ByteCount(Length + tail) }],
                    TailEnd = new FileByteOffset(Length + tail),
                },
                TimeSpan.Zero);
        };
        return await world.OpenDirectAsync();
    }

    private static Layout LayoutOf(OpenFile handle) => handle.Owner.Layout.ShouldNotBeNull().Layout;

    private static void Write(OpenFile handle, long offset) => TryWrite(handle, offset).ShouldBeTrue();

    private static bool TryWrite(OpenFile handle, long offset)
    {
        if (!handle.TryMapWrite(new FileByteOffset(offset), Block, new LunSegment[4], out _, out var pinned))
        {
            return false;
        }

        handle.WriteEnded(pinned, new FileByteOffset(offset), Block, succeeded: true);
        return true;
    }
}
