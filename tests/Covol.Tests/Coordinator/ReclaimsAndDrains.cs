using Covol.Coordinator;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Locks;
using Covol.Protocol.Ownership;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>One node's slow drain, or a slow LUN, costs no other node its reclaim.</summary>
public sealed class ReclaimsAndDrains
{
    [Fact]
    public async Task A_reclaim_does_not_wait_for_another_nodes_drain()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var slow = await world.ClientAsync(1);
        var quick = await world.ClientAsync(2);
        var (file, handle, layout) = await HeldAsync(quick, "disk.raw");
        world.Lun.FenceMayEnd.Reset();
        await world.TakeOverAsync();
        slow.DataKey = new ReservationKey(0xDEAD);
        var resuming = slow.MoveToAsync(world.Coordinator);
        await world.UntilAsync(() => world.Lun.FencesBegun == 1);

        await quick.MoveToAsync(world.Coordinator);
        var reclaimed = await quick.AskAsync(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], layout));

        reclaimed.ShouldBeOfType<Done>();
        resuming.IsCompleted.ShouldBeFalse();
        world.Lun.FenceMayEnd.Set();
        await resuming;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_layout_that_is_not_the_files_is_not_taken_back_and_its_control_is(bool guarded)
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { ChecksReclaimedLayouts = guarded });
        var client = await world.ClientAsync(1);
        var (file, handle, layout) = await HeldAsync(client, "disk.raw");
        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);

        var claimed = layout with { ValidLength = layout.ValidLength + new ByteCount(4_096) };
        await client.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], claimed));
        var layouts = (await world.Coordinator.GetStateAsync()).Layouts;

        layouts.ShouldBe(guarded ? 0 : 1);
        await world.UntilAsync(() => world.Lun.Fenced.Contains(client.DataKey) == guarded);
    }

    [Fact]
    public async Task Fences_of_two_nodes_run_beside_each_other()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var first = await world.ClientAsync(1);
        var second = await world.ClientAsync(2);
        world.Lun.FenceMayEnd.Reset();

        var evicting = Task.WhenAll(
            world.Coordinator.EvictAsync(first.Node, KeyLayout.Incarnation(first.DataKey)),
            world.Coordinator.EvictAsync(second.Node, KeyLayout.Incarnation(second.DataKey)));
        await world.UntilAsync(() => world.Lun.FencesBegun == 2);
        world.Lun.FenceMayEnd.Set();
        await evicting;

        world.Lun.Fenced.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Grace_goes_on_while_a_reclaim_is_inside_the_coordinator()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, handle, _) = await HeldAsync(client, "disk.raw");
        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        using var mayGoOn = new ManualResetEventSlim();
        world.Volume.BeforeAttributes = () => mayGoOn.Wait(TimeSpan.FromSeconds(20));
        var reclaiming = client.AskAsync(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [Held()], null));
        await world.Coordinator.GetStateAsync();

        world.Time.Advance(TimeSpan.FromSeconds(7));

        // Its timers run before it answers.
        (await world.Coordinator.GetStateAsync()).Phase.ShouldBe(CoordinatorPhase.Grace);
        world.Volume.BeforeAttributes = null;
        mayGoOn.Set();

        (await reclaiming).ShouldBeOfType<Done>();
        (await client.AskAsync(new ReclaimComplete())).ShouldBeOfType<Done>();
        (await world.Coordinator.GetStateAsync()).Phase.ShouldBe(CoordinatorPhase.Serving);
        world.Lun.Fenced.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_reclaim_that_never_ends_does_not_hold_grace_for_ever_and_takes_nothing_back_after_it()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, handle, _) = await HeldAsync(client, "disk.raw");
        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        using var mayGoOn = new ManualResetEventSlim();
        world.Volume.BeforeAttributes = () => mayGoOn.Wait(TimeSpan.FromSeconds(20));
        var reclaiming = client.AskAsync(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [Held()], null));
        await world.Coordinator.GetStateAsync();

        world.Time.Advance(TimeSpan.FromSeconds(16));
        await world.UntilAsync(() => world.Lun.Fenced.Contains(client.DataKey));
        world.Volume.BeforeAttributes = null;
        mayGoOn.Set();

        (await reclaiming).ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.ReclaimRefused);
        await world.UntilStateAsync(state => state is { Locks: 0, OpenHandles: 0, Sessions: 0 });
    }

    private static HeldLock Held() => new(new LockOwner(9), 77, LockKind.Range, LockMode.Exclusive, LockRange.All);

    private static async Task<(FileId File, HandleId Handle, Layout Layout)> HeldAsync(TestClient client, string name)
    {
        var (file, handle) = await client.CreateAsync(name);
        await client.WriteAsync(file, 0, RedirectedData.Pattern(4_096, 1));
        return (file, handle, await client.LayoutAsync(file));
    }
}
