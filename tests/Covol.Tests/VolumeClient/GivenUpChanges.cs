using Covol.Protocol.Ids;
using Covol.Protocol.Leases;
using Covol.Protocol.Volume;
using Shouldly;
using Xunit;

namespace Covol.Tests.VolumeClient;

/// <summary>A change that was given up may still be made: its directory is not kept until that is settled, and is after it.</summary>
public sealed class GivenUpChanges
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Its_directory_is_kept_again_when_it_is_known_to_be_over(bool sessionEnds)
    {
        await using var world = new ClientWorld(ioWaitLimit: TimeSpan.FromSeconds(2));
        world.Coordinator.AttributeLease = TimeSpan.FromSeconds(5);
        await world.ConnectAsync();
        var directory = world.Coordinator.AddFile(5, 0);
        var file = world.Coordinator.AddFile(70, 0);
        world.Coordinator.Intercept = request => request is Lookup
            ? world.Coordinator.EntryOf(file) with { Leases = AttributeLeases.Attributes | AttributeLeases.Name }
            : null;
        (await IsKeptAsync(world, directory, "c")).ShouldBeTrue();
        world.Coordinator.Silent = request => request is Unlink;

        var unlink = world.Volume.UnlinkAsync(directory, "b", isDirectory: false).AsTask();
        (await IsKeptAsync(world, directory, "a")).ShouldBeFalse("It may still be carried out.");
        if (sessionEnds)
        {
            world.Coordinator.ForgetSessions();
        }

        await Should.ThrowAsync<VolumeException>(() => unlink);

        await ClientWorld.UntilAsync(() => IsKeptAsync(world, directory, "a"));
    }

    /// <summary>Looks twice; kept, the coordinator hears of one at most.</summary>
    private static async Task<bool> IsKeptAsync(ClientWorld world, FileId directory, string name)
    {
        await world.Volume.LookupAsync(directory, name);
        var asked = world.Coordinator.CallsOf<Lookup>().Count;
        await world.Volume.LookupAsync(directory, name);
        return world.Coordinator.CallsOf<Lookup>().Count == asked;
    }
}
