using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>Files without a name that an earlier coordinator left, more than are looked at in one operation.</summary>
public sealed class OrphansLeft
{
    private const int Files = 300;

    [Fact]
    public async Task They_are_freed_after_grace_and_one_that_is_reclaimed_lives_until_it_is_closed()
    {
        await using var world = await EngineWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (kept, handle) = (default(FileId), default(HandleId));
        for (var number = 0; number < Files; number++)
        {
            (kept, handle) = await client.CreateAsync($"file{number}");
            await client.WriteAsync(kept, 0, RedirectedData.Pattern(5_000, 1));
            await client.AskAsync<Done>(new Unlink(client.Root, $"file{number}", IsDirectory: false));
        }

        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimHandle(kept, handle, OpenAccess.ReadWrite, [], null));
        (await client.AttributesAsync(kept)).LinkCount.ShouldBe(0);
        (await world.Coordinator.GetStateAsync()).Phase.ShouldBe(CoordinatorPhase.Grace);
        (await world.OrphansAsync()).Count.ShouldBe(Files);

        await client.AskAsync<Done>(new ReclaimComplete());
        await world.UntilAsync(async () => (await world.OrphansAsync()).Count == 1);
        (await client.ReadAsync(kept, 0, 5_000)).ShouldBe(RedirectedData.Pattern(5_000, 1));
        await client.AskAsync<Done>(new Close(handle));
        await world.UntilAsync(async () => (await world.OrphansAsync()).Count == 0);
    }
}
