using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

/// <summary>A handle that comes back in several messages, at a real coordinator.</summary>
public sealed class ReclaimAtTheCoordinator
{
    [Fact]
    public async Task Further_parts_add_locks_and_a_refused_one_takes_those_before_with_it()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, handle) = await client.CreateAsync("disk.raw");
        var otherHandle = await other.OpenAsync(file);
        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        await other.MoveToAsync(world.Coordinator);

        await client.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [At(0)], null));
        await client.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [At(10), At(20)], null));
        (await world.Coordinator.GetStateAsync()).Locks.ShouldBe(3);
        await other.AskAsync<Done>(new ReclaimHandle(file, otherHandle, OpenAccess.ReadWrite, [At(30)], null));
        (await other.RefusalAsync(new ReclaimHandle(file, otherHandle, OpenAccess.ReadWrite, [At(10)], null)))
            .ShouldBe(VolumeError.ReclaimRefused);

        (await world.Coordinator.GetStateAsync()).Locks.ShouldBe(3);
    }

    private static HeldLock At(long first) =>
        new(new LockOwner(42), 1, LockKind.Range, LockMode.Exclusive, new LockRange(first, first + 4));
}
