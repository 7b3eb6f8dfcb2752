using Covol.Protocol.Control;
using Covol.Protocol.Files;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.VolumeClient;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

/// <summary>
/// A node was cut off and evicted: its locks are gone, its virtual machines run elsewhere. What its programs asked for meanwhile still waits
/// for a link here.
/// </summary>
public sealed class HandlesOfEndedSessions
{
    [Theory]
    [InlineData("write", true)]
    [InlineData("write", false)]
    [InlineData("zero", true)]
    [InlineData("cut", true)]
    public async Task Nothing_that_was_asked_for_through_them_is_carried_out_in_the_next_session(string what, bool guarded)
    {
        await using var world = new ClientWorld(bindsHandles: guarded);
        var file = world.Coordinator.AddFile(70, 4096);
        await world.ConnectAsync();
        var (handle, _) = await world.Volume.OpenAsync(file, OpenAccess.ReadWrite, truncate: false);
        world.Connections.There.Clear();
        world.Coordinator.BreakConnections();
        world.Clock.Advance(TimeSpan.FromSeconds(11));
        await ClientWorld.UntilAsync(() => world.Volume.Describe().State == VolumeRouteState.Paused);

        var waiting = AskAsync(world.Volume, handle, what);
        await ClientWorld.SettledAsync();
        waiting.IsCompleted.ShouldBeFalse();
        world.Coordinator.ForgetSessions();
        world.Connections.There[ClientWorld.Endpoint] = world.Coordinator;

        if (!guarded)
        {
            await waiting;
            world.Coordinator.ExecutedOf<WriteData>().Count.ShouldBe(1, "Over what was written since.");
            return;
        }

        (await Should.ThrowAsync<VolumeException>(() => waiting)).Error.ShouldBe(VolumeError.NoSuchHandle);
        world.Coordinator.Executed.ShouldNotContain(request => request is WriteData || request is Allocate || request is SetSize);
        handle.IsDead.ShouldBeTrue();
    }

    private static async Task AskAsync(NodeVolume volume, OpenFile handle, string what)
    {
        switch (what)
        {
            case "write":
                await volume.WriteAsync(handle, default, append: false, clearSetId: false, "old"u8.ToArray());
                break;
            case "zero":
                await volume.AllocateAsync(handle, AllocationMode.ZeroRange, default, new ByteCount(4096));
                break;
            default:
                await volume.SetSizeAsync(handle.File, handle, ByteCount.Zero);
                break;
        }
    }
}
