using Covol.Coordinator;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>
/// A flush of the LUN fails once and the next one says "done", as Linux and disks do: what was written before may be gone. Whoever wrote
/// it must not be told that it is stable.
/// </summary>
public sealed class FailedFlushes
{
    [Fact]
    public async Task Everybody_who_had_written_learns_of_it_and_again_when_he_asks_again()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (first, file, _) = await WriterAsync(world, 1);
        var (second, other, _) = await WriterAsync(world, 2);
        await first.WriteAsync(file, 0, RedirectedData.Pattern(4_096, 3));

        world.Lun.FailFlushes(1);
        (await first.RefusalAsync(new Synchronize(file, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);

        (await second.RefusalAsync(new Synchronize(other, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);
        (await first.RefusalAsync(new Synchronize(file, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);
        world.FailedBecause.ShouldBeNull();
    }

    [Fact]
    public async Task Control_without_remembering_one_asker_is_told_and_the_next_hears_done()
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { RemembersLostWrites = false });
        var (first, file, _) = await WriterAsync(world, 1);
        var (second, other, _) = await WriterAsync(world, 2);
        await first.WriteAsync(file, 0, RedirectedData.Pattern(4_096, 3));

        world.Lun.FailFlushes(1);
        (await first.RefusalAsync(new Synchronize(file, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);

        await second.AskAsync<Done>(new Synchronize(other, WroteDirectly: false));
        await first.AskAsync<Done>(new Synchronize(file, WroteDirectly: false));
    }

    [Fact]
    public async Task So_does_who_writes_inside_a_layout_which_nobody_sees()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (direct, file, _) = await WriterAsync(world, 1);
        var (other, _, _) = await WriterAsync(world, 2);
        await direct.LayoutAsync(file);
        await other.AskAsync<Done>(new Synchronize(file, WroteDirectly: false));

        world.Lun.FailFlushes(1);
        (await other.RefusalAsync(new Synchronize(other.Root, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);

        (await direct.RefusalAsync(new Synchronize(file, WroteDirectly: true))).ShouldBe(VolumeError.IoFailed);
    }

    [Fact]
    public async Task A_file_that_was_stable_before_or_written_afterwards_is_not_accused()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (client, stable, _) = await WriterAsync(world, 1);
        await client.AskAsync<Done>(new Synchronize(stable, WroteDirectly: false));
        var (other, _, _) = await WriterAsync(world, 2);

        world.Lun.FailFlushes(1);
        (await other.RefusalAsync(new Synchronize(other.Root, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);
        var (_, later, _) = await WriterAsync(world, 3);

        await client.AskAsync<Done>(new Synchronize(stable, WroteDirectly: false));
        await client.AskAsync<Done>(new Synchronize(later, WroteDirectly: false));
    }

    [Fact]
    public async Task The_next_coordinator_knows_of_it()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (client, file, handle) = await WriterAsync(world, 1);
        world.Lun.FailFlushes(1);
        (await client.RefusalAsync(new Synchronize(client.Root, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);
        await client.CreateAsync("after the record");

        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], null));
        await client.AskAsync<Done>(new ReclaimComplete());

        (await client.RefusalAsync(new Synchronize(file, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_is_over_when_all_who_know_have_closed_the_file_or_emptied_it(bool isEmptied)
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (client, file, handle) = await WriterAsync(world, 1);
        world.Lun.FailFlushes(1);
        (await client.RefusalAsync(new Synchronize(file, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);

        if (isEmptied)
        {
            await client.AskAsync<Entry>(new SetSize(file, ByteCount.Zero));
        }
        else
        {
            await client.AskAsync<Done>(new Close(handle));
            await client.OpenAsync(file);
        }

        await client.AskAsync<Done>(new Synchronize(file, WroteDirectly: false));
    }

    [Fact]
    public async Task A_close_before_anybody_was_told_does_not_end_it()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (client, file, handle) = await WriterAsync(world, 1);
        world.Lun.FailFlushes(1);
        (await client.RefusalAsync(new Synchronize(client.Root, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);

        await client.AskAsync<Done>(new Close(handle));
        await client.OpenAsync(file);

        (await client.RefusalAsync(new Synchronize(file, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);
    }

    /// <summary>A file of 8 KiB, stable, of which a block was written again since.</summary>
    private static async Task<(TestClient Client, FileId File, HandleId Handle)> WriterAsync(CoordinatorWorld world, int node)
    {
        var client = await world.ClientAsync(node);
        var (file, handle) = await client.CreateAsync($"disk{node}.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(8_192, 1));
        await client.WriteAsync(file, 0, RedirectedData.Pattern(4_096, 2));
        return (client, file, handle);
    }
}
