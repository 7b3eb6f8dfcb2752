using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

/// <summary>
/// A SAN that lets a write land after it failed: a command that timed out on its way, until the key that it came under is preempted and
/// drained.
/// </summary>
public sealed class LateWrites
{
    private static readonly byte[] s_old = [.. Enumerable.Repeat((byte)1, 4096)];
    private static readonly byte[] s_new = [.. Enumerable.Repeat((byte)2, 4096)];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_was_written_after_it_stays_and_without_the_fence_is_lost(bool guarded)
    {
        await using var world = new ClientWorld(fencesLateWrites: guarded);
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        var isFenced = false;
        world.Coordinator.Intercept = request =>
        {
            isFenced |= request is FenceKey { DataKey.Value: 0x11 };
            return null;
        };

        Fail(world, handle);
        await world.Volume.WriteAsync(handle, default, append: false, clearSetId: false, s_old);
        await world.Volume.WriteAsync(handle, default, append: false, clearSetId: false, s_new);
        if (!isFenced)
        {
            s_old.CopyTo(world.Coordinator.Files[handle.File], 0);
        }

        world.Coordinator.Files[handle.File][..4096].ShouldBe(guarded ? s_new : s_old);
    }

    [Fact]
    public async Task No_layout_goes_back_before_the_fence()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        world.Coordinator.Silent = request => request is FenceKey;

        Fail(world, handle);
        await ClientWorld.UntilAsync(() => world.Coordinator.CallsOf<FenceKey>().Count > 0);
        world.Coordinator.Notify(new RecallLayout(handle.File, new LayoutGeneration(long.MaxValue)));
        await ClientWorld.SettledAsync();
        world.Coordinator.ExecutedOf<ReturnLayout>().ShouldBeEmpty();
        world.Volume.OldIoEndedAsync(CancellationToken.None).IsCompleted.ShouldBeFalse("It is in flight until its key is fenced.");
        world.Coordinator.Silent = null;
        world.Coordinator.BreakConnections();

        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<ReturnLayout>().Count > 0);
        await world.Volume.OldIoEndedAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Writes_wait_no_longer_for_it_than_for_anything_else()
    {
        await using var world = new ClientWorld(ioWaitLimit: TimeSpan.FromMilliseconds(100));
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        world.Coordinator.Silent = request => request is FenceKey;
        Fail(world, handle);

        (await Should.ThrowAsync<VolumeException>(
            () => world.Volume.WriteAsync(handle, default, append: false, clearSetId: false, s_new).AsTask()))
            .Error.ShouldBe(VolumeError.IoFailed);

        world.Coordinator.ExecutedOf<WriteData>().ShouldBeEmpty();
        await world.Volume.ReadAsync(handle, default, new byte[512]);
    }

    [Fact]
    public async Task The_next_session_asks_for_the_fence_of_the_key_of_before()
    {
        await using var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        world.Coordinator.Silent = request => request is FenceKey;
        Fail(world, handle);
        await ClientWorld.UntilAsync(() => world.Coordinator.CallsOf<FenceKey>().Count > 0);

        world.Coordinator.ForgetSessions();
        world.Coordinator.Silent = null;
        world.Coordinator.BreakConnections();
        await ClientWorld.UntilAsync(() => world.Coordinator.ExecutedOf<FenceKey>().Count > 0);

        handle.IsDead.ShouldBeTrue();
        var (again, _) = await world.Volume.OpenAsync(handle.File, OpenAccess.ReadWrite, truncate: false);
        await world.Volume.WriteAsync(again, default, append: false, clearSetId: false, s_new);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_lets_go_of_the_LUN_before_the_fence_learns_that_it_may_still_land(bool isFenced)
    {
        var world = new ClientWorld();
        await world.ConnectAsync();
        var handle = await world.OpenDirectAsync();
        world.Coordinator.Silent = request => request is FenceKey && !isFenced;
        Fail(world, handle);
        (isFenced || world.Volume.MayStillWrite).ShouldBeTrue();
        await ClientWorld.UntilAsync(() => world.Coordinator.CallsOf<FenceKey>().Count > 0);
        await ClientWorld.UntilAsync(() => !isFenced || !world.Volume.MayStillWrite);

        await world.DisposeAsync();

        world.Volume.MayStillWrite.ShouldBe(!isFenced);
    }

    /// <summary>As the data path does, when the LUN failed a write that it had mapped.</summary>
    private static void Fail(ClientWorld world, OpenFile handle)
    {
        handle.TryMapWrite(FileByteOffset.Zero, 4096, new LunSegment[4], out _, out var pinned).ShouldBeTrue();
        world.Volume.Fenced("The path failed.");
        world.Volume.MayLandLater(handle, pinned!, FileByteOffset.Zero, 4096);
    }
}
