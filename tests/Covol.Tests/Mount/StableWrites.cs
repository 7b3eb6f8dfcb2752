using Covol.Fuse;
using Covol.Protocol.Control;
using Covol.Protocol.Volume;
using Covol.Tests.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.Mount;

/// <summary>O_DSYNC inside a layout: written, then flushed, then answered, all by the node.</summary>
public sealed class StableWrites
{
    private const uint DataSync = 0x1000;
    private const uint FullSync = 0x101000;

    [Fact]
    public async Task A_write_inside_the_layout_is_flushed_by_the_node_and_nobody_is_asked()
    {
        await using var client = await MountedClient.OpenAsync();
        client.LoseCoordinator();
        var before = client.Lun.Entered;

        client.Write(8192, flags: DataSync).ShouldBe(0);

        client.Lun.Read((1 << 20) + 8192, 4096).ShouldBe(MountedClient.Content);
        (client.Lun.Entered - before).ShouldBe(3, "The write, its flush, and a look at the key after it.");
        client.Lun.InFlight.ShouldBe(0);
    }

    [Theory]
    [InlineData(DataSync, -FuseErrno.InputOutput)]
    [InlineData(0, 0)]
    public async Task It_is_answered_after_its_flush_and_the_control_without_one_before(uint flags, int expected)
    {
        await using var client = await MountedClient.OpenAsync();
        client.Lun.FailsFlushes = true;

        client.Write(8192, flags: flags).ShouldBe(expected);

        client.Coordinator.ExecutedOf<WriteData>().ShouldBeEmpty("What was lost is told once, to the one who wrote it.");
        await ClientWorld.UntilAsync(() => client.Coordinator.ExecutedOf<NoteFailedFlush>().Count == (expected == 0 ? 0 : 1));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_node_that_is_fenced_after_the_write_has_it_written_by_the_coordinator(int enters)
    {
        await using var client = await MountedClient.OpenAsync();
        client.Lun.PreemptAfter(enters);

        client.Write(8192, flags: DataSync).ShouldBe(0);

        // The write came before the flush: it is there, though only one I/O was let in.
        client.Lun.Read((1 << 20) + 8192, 4096).ShouldBe(MountedClient.Content);
        client.Coordinator.ExecutedOf<WriteData>().Count.ShouldBe(1);
        client.Synchronized.ShouldBe(2, "Once at the beginning, and once for the write.");
        client.World.Volume.Describe().State.ShouldBe(VolumeRouteState.FileSystemRedirected);
        client.Lun.InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task Times_that_are_to_be_stable_too_are_the_coordinators()
    {
        await using var client = await MountedClient.OpenAsync();

        client.Write(8192, flags: FullSync).ShouldBe(0);

        client.Coordinator.ExecutedOf<WriteData>().Count.ShouldBe(1);
        client.Synchronized.ShouldBe(2);
    }

    [Fact]
    public async Task A_write_that_failed_goes_through_the_coordinator_and_is_stable_there()
    {
        await using var client = await MountedClient.OpenAsync();
        client.Lun.IsBroken = true;

        client.Write(8192, flags: DataSync).ShouldBe(0);

        client.Coordinator.ExecutedOf<WriteData>().Count.ShouldBe(1);
        client.Synchronized.ShouldBe(2);
    }

    [Fact]
    public async Task Where_a_failed_write_may_land_later_it_goes_another_way_after_the_fence()
    {
        await using var client = await MountedClient.OpenAsync();
        client.Lun.FailedWritesAreOver = false;
        client.Lun.IsBroken = true;
        client.Coordinator.Silent = request => request is FenceKey;

        client.SendWrite(8192);
        await ClientWorld.UntilAsync(() => client.Coordinator.CallsOf<FenceKey>().Count > 0);
        await ClientWorld.SettledAsync();
        client.Coordinator.ExecutedOf<WriteData>().ShouldBeEmpty();
        client.Coordinator.ExecutedOf<ReturnLayout>().ShouldBeEmpty();
        client.IsQuiet().ShouldBeTrue("The guest sees a pause.");
        client.Coordinator.Silent = null;
        client.Coordinator.BreakConnections();

        client.Receive().Error.ShouldBe(0);
        var fenced = client.Coordinator.Executed.FindIndex(request => request is FenceKey);
        client.Coordinator.Executed.FindIndex(request => request is WriteData).ShouldBeGreaterThan(fenced);
        await ClientWorld.UntilAsync(() => client.Coordinator.ExecutedOf<ReturnLayout>().Count > 0);
    }
}
