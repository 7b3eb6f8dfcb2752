using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Covol.Transport;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>
/// The coordinator's own writes that a LUN fails. What the device answered is over; what only its path lost may land over anything that is
/// written there later, until the coordinator's key is fenced (SAFETY I3, 9).
/// </summary>
public sealed class FailedWrites
{
    [Fact]
    public async Task One_that_may_still_land_ends_the_coordinator_without_an_answer_and_the_next_one_carries_it_out()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (client, file, handle) = await WriterAsync(world);
        world.Lun.BeforeWrite = (_, _) => throw new LunException(LunError.PathLost, "The write timed out.");
        var id = client.NextId(3);
        var write = new WriteData(file, FileByteOffset.Zero, Append: false, ClearSetId: false);

        await Should.ThrowAsync<ConnectionLostException>(client.SendAsync(id, write, RedirectedData.Pattern(4_096, 2)));
        (await world.FailedAsync()).ShouldBe("The write timed out.");

        // The next one fences its key before it writes anything.
        world.Lun.BeforeWrite = null;
        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], null));
        await client.AskAsync<Done>(new ReclaimComplete());
        (await client.SendAsync(id, write, RedirectedData.Pattern(4_096, 2))).Reply.ShouldBeOfType<DataWritten>();
        (await client.ReadAsync(file, 0, 4_096)).ShouldBe(RedirectedData.Pattern(4_096, 2));
    }

    [Fact]
    public async Task One_that_the_medium_refused_is_told_to_its_program_and_all_else_goes_on()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (client, file, _) = await WriterAsync(world);
        world.Lun.BeforeWrite = (_, _) => throw new LunException(LunError.MediaFailed, "A bad block.");

        (await client.RefusalAsync(
            new WriteData(file, FileByteOffset.Zero, Append: false, ClearSetId: false), data: RedirectedData.Pattern(4_096, 2)))
            .ShouldBe(VolumeError.IoFailed);

        world.Lun.BeforeWrite = null;
        world.FailedBecause.ShouldBeNull();
        (await client.ReadAsync(file, 0, 4_096)).ShouldBe(RedirectedData.Pattern(4_096, 1));
    }

    private static async Task<(TestClient Client, FileId File, HandleId Handle)> WriterAsync(CoordinatorWorld world)
    {
        var client = await world.ClientAsync(1);
        var (file, handle) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(4_096, 1));
        return (client, file, handle);
    }
}
