using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Ownership;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>A node asks for the fence of its own key, because a write under it may still land.</summary>
public sealed class FencesAskedFor
{
    [Fact]
    public async Task It_is_answered_when_the_key_is_drained_and_the_session_goes_on()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, handle) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(8_192, 1));
        await client.LayoutAsync(file);
        world.Lun.FenceMayEnd.Reset();

        var fenced = client.AskAsync<Done>(new FenceKey(client.DataKey), slot: client.Session.SlotCount);
        await world.UntilAsync(() => world.Lun.FencesBegun == 1);
        await world.Coordinator.GetStateAsync();
        fenced.IsCompleted.ShouldBeFalse("What it wrote may still land.");
        world.Lun.FenceMayEnd.Set();
        await fenced;

        world.Lun.Fenced.ShouldBe([client.DataKey]);
        (await client.AskAsync<LayoutGranted>(new GetLayout(file, LayoutAccess.ReadWrite))).Layout.ShouldBeNull();
        await client.WriteAsync(file, 0, RedirectedData.Pattern(4_096, 2));
        await client.AskAsync<Done>(new Close(handle));
        await client.AskAsync<Done>(new FenceKey(client.DataKey), slot: client.Session.SlotCount);
        world.Lun.FencesBegun.ShouldBe(1);
    }

    [Fact]
    public async Task A_key_of_an_earlier_life_is_fenced_and_nobody_elses()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        await client.BeginAsync();
        client.DataKey = KeyLayout.DataKey(1, client.Node, 7);
        world.Lun.Register(client.DataKey);
        await client.MoveToAsync(world.Coordinator);
        var earlier = KeyLayout.DataKey(1, client.Node, 5);
        var another = KeyLayout.DataKey(1, new NodeId(2), 5);
        world.Lun.Register(earlier);
        world.Lun.Register(another);

        await client.AskAsync<Done>(new FenceKey(earlier));
        (await client.RefusalAsync(new FenceKey(another))).ShouldBe(VolumeError.BadRequest);

        world.Lun.ReadKeys().ShouldNotContain(earlier);
        world.Lun.ReadKeys().ShouldContain(another);
    }
}
