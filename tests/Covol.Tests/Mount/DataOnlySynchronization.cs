using Covol.Fuse;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Tests.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.Mount;

/// <summary>fdatasync: when the node flushes by itself, and when it must not.</summary>
public sealed class DataOnlySynchronization
{
    [Fact]
    public async Task Direct_writes_are_flushed_without_a_coordinator()
    {
        await using var client = await MountedClient.OpenAsync();
        client.LoseCoordinator();

        client.Write(8192).ShouldBe(0);
        client.Synchronize(dataOnly: true).ShouldBe(0);

        client.Lun.Read((1 << 20) + 8192, 4096).ShouldBe(MountedClient.Content);
        client.Synchronized.ShouldBe(1);
        client.Lun.InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task The_time_of_direct_writes_is_still_told_after_a_flush_of_this_node()
    {
        await using var client = await MountedClient.OpenAsync();
        client.Write(0).ShouldBe(0);

        client.Synchronize(dataOnly: true).ShouldBe(0);
        client.Synchronize(dataOnly: false).ShouldBe(0);

        client.Coordinator.ExecutedOf<Synchronize>().Select(request => request.WroteDirectly).ShouldBe([false, true]);
    }

    [Fact]
    public async Task A_plain_fsync_is_the_coordinators()
    {
        await using var client = await MountedClient.OpenAsync();
        client.Write(0).ShouldBe(0);
        client.RefuseSynchronize();

        client.Synchronize(dataOnly: false).ShouldBe(-FuseErrno.InputOutput);
    }

    [Theory]
    [InlineData(MountedClient.FileLength)]
    [InlineData(100)]
    public async Task After_a_redirected_write_one_fdatasync_is_the_coordinators(int offset)
    {
        await using var client = await MountedClient.OpenAsync();
        client.World.Volume.Describe().RedirectedBytes.ShouldBe(0);
        (await WriteRedirectedAsync(client, offset)).ShouldBe(0);

        client.Synchronize(dataOnly: true).ShouldBe(0);
        client.Synchronized.ShouldBe(2);
        client.Synchronize(dataOnly: true).ShouldBe(0);
        client.Synchronized.ShouldBe(2);
    }

    [Fact]
    public async Task A_redirected_write_that_is_not_answered_yet_sends_fdatasync_to_the_coordinator()
    {
        await using var client = await MountedClient.OpenAsync();
        client.Coordinator.InGrace = true;
        client.SendWrite(MountedClient.FileLength);
        await ClientWorld.UntilAsync(() => client.Coordinator.CallsOf<WriteData>().Count > 0);

        client.SendSynchronize(dataOnly: true);
        await ClientWorld.UntilAsync(() => client.Coordinator.CallsOf<Synchronize>().Count > 1);
        client.IsQuiet().ShouldBeTrue();
        client.Coordinator.InGrace = false;

        client.Receive().Error.ShouldBe(0);
        client.Receive().Error.ShouldBe(0);
        client.Synchronized.ShouldBe(2);

        // What ended after that fsync was sent is not known to be covered by it.
        client.Synchronize(dataOnly: true).ShouldBe(0);
        client.Synchronized.ShouldBe(3);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_fenced_node_does_not_say_done_by_itself(int entersBeforeTheFence)
    {
        await using var client = await MountedClient.OpenAsync();
        client.Write(0).ShouldBe(0);
        client.RefuseSynchronize();
        client.Lun.PreemptAfter(entersBeforeTheFence);

        client.Synchronize(dataOnly: true).ShouldBe(-FuseErrno.InputOutput);

        client.World.Volume.Describe().State.ShouldBe(VolumeRouteState.FileSystemRedirected);
        client.Lun.InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task What_the_lun_refused_is_flushed_by_the_coordinator_that_wrote_it()
    {
        await using var client = await MountedClient.OpenAsync();
        client.Lun.PreemptAfter(0);
        client.Write(0).ShouldBe(0);
        client.Coordinator.ExecutedOf<WriteData>().Count.ShouldBe(1);

        client.Synchronize(dataOnly: true).ShouldBe(0);

        client.Synchronized.ShouldBe(2);
    }

    [Fact]
    public async Task After_the_lease_the_coordinator_is_asked()
    {
        await using var client = await MountedClient.OpenAsync();
        client.Write(0).ShouldBe(0);
        client.RefuseSynchronize(refuseRenewals: true);
        client.World.Clock.Advance(TimeSpan.FromSeconds(11));

        client.Synchronize(dataOnly: true).ShouldBe(-FuseErrno.InputOutput);
    }

    [Fact]
    public async Task A_recalled_layout_sends_fdatasync_to_the_coordinator()
    {
        await using var client = await MountedClient.OpenAsync();
        client.Write(0).ShouldBe(0);
        client.RefuseSynchronize();
        var file = client.Coordinator.Files.Keys.Single();
        client.Coordinator.Notify(new RecallLayout(file, new LayoutGeneration(long.MaxValue)));
        await ClientWorld.UntilAsync(() => client.World.Volume.Describe().Layouts == 0);

        client.Synchronize(dataOnly: true).ShouldBe(-FuseErrno.InputOutput);
    }

    [Fact]
    public async Task A_flush_that_failed_is_told_and_not_asked_again_elsewhere()
    {
        await using var client = await MountedClient.OpenAsync();
        client.Write(0).ShouldBe(0);
        client.Lun.IsBroken = true;

        client.Synchronize(dataOnly: true).ShouldBe(-FuseErrno.InputOutput);

        client.Synchronized.ShouldBe(1);
        client.World.Volume.Describe().State.ShouldBe(VolumeRouteState.FileSystemRedirected);
    }

    [Fact]
    public async Task A_flush_that_failed_is_told_to_the_coordinator_before_a_layout_goes_back_or_the_next_fsync_is_asked()
    {
        await using var client = await MountedClient.OpenAsync();
        client.Write(0).ShouldBe(0);
        client.Lun.FailsFlushes = true;

        client.Synchronize(dataOnly: true).ShouldBe(-FuseErrno.InputOutput);
        client.Synchronize(dataOnly: true).ShouldBe(0);

        await ClientWorld.UntilAsync(() => client.Coordinator.ExecutedOf<ReturnLayout>().Count > 0);
        var told = client.Coordinator.Executed.FindIndex(request => request is NoteFailedFlush);
        told.ShouldBeGreaterThan(0);
        client.Coordinator.Executed.FindIndex(request => request is ReturnLayout).ShouldBeGreaterThan(told);
        client.Coordinator.Executed.FindLastIndex(request => request is Synchronize).ShouldBeGreaterThan(told);
    }

    /// <summary>Past valid length, or at no whole block (as from a program that did not open O_DIRECT).</summary>
    private static async Task<int> WriteRedirectedAsync(MountedClient client, int offset)
    {
        var error = client.Write((ulong)offset, isDirect: offset % FakeCoordinator.BlockSize == 0);
        await ClientWorld.UntilAsync(() => client.World.Volume.Describe().RedirectedBytes == MountedClient.Content.Length);
        return error;
    }
}
