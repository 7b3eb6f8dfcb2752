using Covol.Protocol.Control;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Locks;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

public sealed class LayoutLifeTests
{
    [Fact]
    public async Task A_recalled_layout_is_returned_only_when_its_io_has_ended()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var pinned = ClientWorld.PinForRead(handle);

        world.Coordinator.Notify(new RecallLayout(handle.File, pinned.Layout.Generation));
        await ClientWorld.UntilAsync(() => !handle.HasLayout);
        world.Coordinator.ExecutedOf<ReturnLayout>().ShouldBeEmpty();
        handle.ReadEnded(pinned, 4096, succeeded: true).ShouldBeTrue();

        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<ReturnLayout>().Count == 1);
        world.Coordinator.ExecutedOf<ReturnLayout>()[0].Generation.ShouldBe(pinned.Layout.Generation);
    }

    [Fact]
    public async Task A_node_that_sees_larger_blocks_than_the_coordinator_reads_and_writes_whole_ones_of_its_own()
    {
        await using var world = new ClientWorld(lunBlockSize: 4096);
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var segments = new LunSegment[4];

        handle.TryMapWrite(new FileByteOffset(512), 512, segments, out _, out _).ShouldBeFalse();
        handle.TryMapWrite(new FileByteOffset(4096), 8192, segments, out var count, out var pinned).ShouldBeTrue();
        handle.WriteEnded(pinned, new FileByteOffset(4096), 8192, succeeded: true);
        segments[..count].ShouldAllBe(segment => segment.LunStart.Value % 4096 == 0 && segment.Length % 4096 == 0);
        handle.TryMapRead(new FileByteOffset(5000), 100, segments, out count, out pinned).ShouldBeTrue();
        handle.ReadEnded(pinned, 100, succeeded: true);
        segments[..count].ShouldAllBe(segment => segment.LunStart.Value % 4096 == 0 && segment.Length % 4096 == 0);
    }

    [Fact]
    public async Task A_recall_of_a_layout_that_this_node_does_not_have_is_answered_all_the_same()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var file = world.Coordinator.AddFile(70, 0);

        world.Coordinator.Notify(new RecallLayout(file, new LayoutGeneration(9)));

        await ClientWorld.UntilAsync(
            () => world.Coordinator.ExecutedOf<ReturnLayout>() is [{ Generation.Value: 9 }]);
    }

    [Fact]
    public async Task A_grant_that_its_recall_overtook_is_never_used()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var file = world.Coordinator.AddFile(70, 1 << 20);
        var (handle, attributes) = await world.Volume.OpenAsync(file, OpenAccess.Read, truncate: false);
        world.Coordinator.Intercept = request =>
        {
            if (request is not GetLayout)
            {
                return null;
            }

            world.Coordinator.Intercept = null;
            var layout = world.Coordinator.Grant(file, LayoutAccess.Read);
            world.Coordinator.Notify(new RecallLayout(file, layout.Generation));
            return new LayoutGranted(layout, TimeSpan.Zero);
        };

        world.Volume.ExpectData(handle, attributes.Size);
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<ReturnLayout>().Count >= 1);

        handle.HasLayout.ShouldBeFalse();
    }

    [Fact]
    public async Task A_read_that_ends_after_the_lease_is_not_shown()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var pinned = ClientWorld.PinForRead(handle);
        world.Coordinator.Intercept = request => request is RenewLease ? new Refused(VolumeError.InGrace, "No renewals.") : null;

        world.Clock.Advance(TimeSpan.FromSeconds(11));

        handle.ReadEnded(pinned, 4096, succeeded: true).ShouldBeFalse();
        handle.TryMapRead(FileByteOffset.Zero, 512, new LunSegment[1], out _, out _).ShouldBeFalse();
        handle.TryMapWrite(FileByteOffset.Zero, 512, new LunSegment[1], out _, out _).ShouldBeFalse();
    }

    [Fact]
    public async Task After_a_lapsed_lease_layouts_are_asked_for_again()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var first = ClientWorld.PinForRead(handle);
        handle.ReadEnded(first, 4096, succeeded: true);

        world.Clock.Advance(TimeSpan.FromSeconds(11));
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<ReturnLayout>().Count == 1);
        LayoutSnapshot? second = null;
        await ClientWorld.UntilAsync(async () =>
        {
            // What was granted just before the lease began anew is dropped with the rest, and asked for with the next read.
            await world.Volume.ReadAsync(handle, FileByteOffset.Zero, new byte[512]);
            return handle.TryMapRead(FileByteOffset.Zero, 4096, new LunSegment[4], out _, out second);
        });

        second!.Layout.Generation.ShouldNotBe(first.Layout.Generation);
        handle.ReadEnded(second, 4096, succeeded: true).ShouldBeTrue();
    }

    [Fact]
    public async Task A_fenced_node_goes_on_redirected_and_says_why()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();

        world.Volume.Fenced("The LUN refused the key of this node.");

        handle.HasLayout.ShouldBeFalse();
        (await world.Volume.ReadAsync(handle, FileByteOffset.Zero, new byte[4096])).ShouldBe(4096);
        var state = world.Volume.Describe();
        state.State.ShouldBe(VolumeRouteState.FileSystemRedirected);
        state.Reason.ShouldBe("The LUN refused the key of this node.");
        state.RedirectedBytes.ShouldBe(4096);
        state.Layouts.ShouldBe(0);
    }

    [Fact]
    public async Task A_new_coordinator_is_told_of_handles_locks_and_layouts()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var held = new HeldLock(new LockOwner(7), 100, LockKind.Range, LockMode.Exclusive, new LockRange(100, 103));
        await world.Volume.SetLockAsync(handle, held, wait: false, CancellationToken.None);
        var next = world.Coordinator.Successor(2);
        world.Connections.There["unix:next"] = next;

        world.Volume.SetCoordinator(new Epoch(2), ["unix:next"]);
        await ClientWorld.UntilAsync(() => next.ExecutedOf<ReclaimComplete>().Count == 1);

        var reclaim = next.Reclaimed.ShouldHaveSingleItem();
        reclaim.Handle.ShouldBe(handle.Id);
        reclaim.Locks.ShouldBe([held]);
        reclaim.Layout.ShouldNotBeNull();
        handle.HasLayout.ShouldBeTrue();
    }

    [Fact]
    public async Task A_layout_that_cannot_be_reclaimed_is_dropped_and_the_handle_lives_on()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var next = world.Coordinator.Successor(2);
        next.Intercept = request => request is ReclaimHandle { Layout: not null }
            ? new Refused(VolumeError.ReclaimRefused, "The map has changed.")
            : null;
        world.Connections.There["unix:next"] = next;

        world.Volume.SetCoordinator(new Epoch(2), ["unix:next"]);
        await ClientWorld.UntilAsync(() => next.ExecutedOf<ReclaimComplete>().Count == 1);

        handle.IsDead.ShouldBeFalse();
        (await world.Volume.ReadAsync(handle, FileByteOffset.Zero, new byte[512])).ShouldBe(512);
    }

    [Fact]
    public async Task Direct_writes_are_said_before_the_next_look_at_the_file()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        handle.TryMapWrite(FileByteOffset.Zero, 4096, new LunSegment[4], out _, out var pinned).ShouldBeTrue();
        handle.WriteEnded(pinned!, FileByteOffset.Zero, 4096, succeeded: true);

        await world.Volume.GetAttributesAsync(handle.File);
        await world.Volume.GetAttributesAsync(handle.File);

        world.Coordinator.ExecutedOf<VolumeRequest>()
            .Where(request => request is NoteDirectWrites or GetAttributes)
            .Select(request => request.GetType())
            .ShouldBe([typeof(NoteDirectWrites), typeof(GetAttributes), typeof(GetAttributes)]);
        world.Volume.Describe().DirectBytes.ShouldBe(4096);
    }

    [Fact]
    public async Task Direct_writes_are_said_before_times_are_set_and_not_after_it()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        handle.TryMapWrite(FileByteOffset.Zero, 4096, new LunSegment[4], out _, out var pinned).ShouldBeTrue();
        handle.WriteEnded(pinned!, FileByteOffset.Zero, 4096, succeeded: true);
        var attributes = await world.Volume.AskAsync<Entry>(new GetAttributes(handle.File));
        world.Coordinator.Intercept = request => request is SetAttributes ? attributes : null;

        await world.Volume.SetAttributesAsync(handle.File, new AttributeChange { Modified = new FileTime(1) });
        await world.Volume.CloseAsync(handle);

        world.Coordinator.ExecutedOf<VolumeRequest>()
            .Where(request => request is NoteDirectWrites or SetAttributes)
            .Select(request => request.GetType())
            .ShouldBe([typeof(NoteDirectWrites), typeof(SetAttributes)]);
    }

    [Fact]
    public async Task The_last_close_gives_the_layout_back()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();

        await world.Volume.CloseAsync(handle);

        world.Coordinator.ExecutedOf<ReturnLayout>().Count.ShouldBe(1);
        world.Coordinator.Handles.ShouldBeEmpty();
        world.Volume.Describe().OpenHandles.ShouldBe(0);
    }

    [Fact]
    public async Task Mapping_pinning_and_letting_go_allocate_nothing()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();

        AllocatedBy(handle, rounds: 1_000).ShouldBe(AllocatedBy(handle, rounds: 0));

        static long AllocatedBy(OpenFile handle, int rounds)
        {
            Span<LunSegment> segments = stackalloc LunSegment[8];
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var round = 0; round < rounds; round++)
            {
                if (handle.TryMapRead(new FileByteOffset(4096), 65_536, segments, out _, out var read))
                {
                    handle.ReadEnded(read, 65_536, succeeded: true);
                }

                if (handle.TryMapWrite(new FileByteOffset(4096), 65_536, segments, out _, out var write))
                {
                    handle.WriteEnded(write, FileByteOffset.Zero, 65_536, succeeded: true);
                }
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }
}
