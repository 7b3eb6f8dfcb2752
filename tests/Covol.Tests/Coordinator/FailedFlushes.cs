using Covol.Coordinator;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Covol.Transport;
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
    public async Task A_cut_to_nothing_that_a_crash_ends_half_way_forgets_no_loss()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (client, file, handle) = await WriterAsync(world, 1);
        await client.WriteAsync(file, 0, RedirectedData.Pattern(40_960, 3));
        await client.WriteAsync(file, 0, RedirectedData.Pattern(4_096, 4));
        world.Lun.FailFlushes(1);
        (await client.RefusalAsync(new Synchronize(file, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);
        await client.CreateAsync("after the record");
        var commits = 0;
        world.Volume.BeforeCommit = () =>
        {
            commits++;
            if (commits == 2)
            {
                throw new IOException("The machine lost its power.");
            }
        };

        await Should.ThrowAsync<ConnectionLostException>(client.SendAsync(client.NextId(), new SetSize(file, ByteCount.Zero)));
        world.Volume.BeforeCommit = null;
        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], null), slot: 1);
        await client.AskAsync<Done>(new ReclaimComplete(), slot: 1);

        (await client.RefusalAsync(new Synchronize(file, WroteDirectly: false), slot: 1)).ShouldBe(VolumeError.IoFailed);
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

    [Fact]
    public async Task Who_waits_for_a_flush_does_not_wait_for_those_of_others_after_it()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (first, file, _) = await WriterAsync(world, 1);
        using var begun = new SemaphoreSlim(0);
        using var mayEnd = new SemaphoreSlim(0);
        world.Lun.BeforeFlush = () =>
        {
            begun.Release();
            mayEnd.Wait(TimeSpan.FromSeconds(20));
        };
        var mine = first.AskAsync<Done>(new Synchronize(file, WroteDirectly: false), slot: 1);
        await begun.WaitAsync(TimeSpan.FromSeconds(20));
        var others = first.AskAsync<Done>(new Synchronize(file, WroteDirectly: false), slot: 2);
        await world.Coordinator.GetStateAsync();
        mayEnd.Release();
        await begun.WaitAsync(TimeSpan.FromSeconds(20));

        await mine;
        others.IsCompleted.ShouldBeFalse();
        mayEnd.Release();
        await others;
        world.Lun.BeforeFlush = null;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task One_that_failed_at_a_node_counts_for_everybody_and_its_control_for_nobody(bool guarded)
    {
        await using var world = await CoordinatorWorld.StartAsync(Tails.Options with { BelievesFailedFlushes = guarded });
        var (first, file, _) = await WriterAsync(world, 1);
        var (second, other, _) = await WriterAsync(world, 2);
        var holder = await world.ClientAsync(3);
        var (tailed, layout) = await Tails.TailAsync(holder);
        Tails.Write(world, layout, Tails.Begun, 9);

        await first.WriteAsync(file, 0, RedirectedData.Pattern(512, 3));
        await second.WriteAsync(other, 0, RedirectedData.Pattern(512, 4));

        await first.AskAsync<Done>(new NoteFailedFlush(file), slot: first.Session.SlotCount);

        foreach (var (client, written) in new[] { (first, file), (second, other), (holder, tailed) })
        {
            holder.AnswersTails = asked => Tails.Told(layout, Tails.Begun, asked.IsLast) with { Ticket = asked.Ticket };
            var reply = await client.AskAsync(new Synchronize(written, WroteDirectly: false));
            (reply is Refused { Error: VolumeError.IoFailed }).ShouldBe(guarded, $"{client.Node}");
        }

        var told = await holder.AskAsync(Tails.Told(layout, Tails.Begun, isLast: true), slot: holder.Session.SlotCount);
        (told is Refused { Error: VolumeError.IoFailed }).ShouldBe(guarded);
        (await second.AttributesAsync(tailed)).Size.Value.ShouldBe(guarded ? Tails.Begun : Tails.Begun + Tails.Block);
        world.FailedBecause.ShouldBeNull();
    }

    [Fact]
    public async Task One_that_failed_at_a_node_is_known_to_the_next_coordinator_when_it_is_answered()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (client, file, handle) = await WriterAsync(world, 1);
        await client.AskAsync<Done>(new Synchronize(file, WroteDirectly: false));
        await client.AskAsync<Done>(new NoteFailedFlush(file), slot: client.Session.SlotCount);

        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], null));
        await client.AskAsync<Done>(new ReclaimComplete());

        (await client.RefusalAsync(new Synchronize(file, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_flushes_by_itself_has_to_ask_from_then_on_and_its_control_goes_on_alone(bool guarded)
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { RecallsLostFiles = guarded });
        var (direct, file, handle) = await WriterAsync(world, 1);
        var (other, _, _) = await WriterAsync(world, 2);
        await direct.LayoutAsync(file);

        world.Lun.FailFlushes(1);
        (await other.RefusalAsync(new Synchronize(other.Root, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);

        if (!guarded)
        {
            (await world.Coordinator.GetStateAsync()).Layouts.ShouldBe(1);
            return;
        }

        await world.UntilStateAsync(state => state.Layouts == 0);
        (await AskAsync(LayoutAccess.ReadWrite)).ShouldBeNull();
        (await AskAsync(LayoutAccess.Read)).ShouldNotBeNull();
        (await direct.RefusalAsync(new Synchronize(file, WroteDirectly: true))).ShouldBe(VolumeError.IoFailed);
        await direct.AskAsync<Done>(new Close(handle));
        await direct.OpenAsync(file);
        (await AskAsync(LayoutAccess.ReadWrite)).ShouldNotBeNull();

        async Task<Layout?> AskAsync(LayoutAccess access) => (await direct.AskAsync<LayoutGranted>(new GetLayout(file, access))).Layout;
    }

    [Fact]
    public async Task A_layout_that_is_reclaimed_is_taken_back_where_the_file_lost_writes()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var (client, file, handle) = await WriterAsync(world, 1);
        client.AnswersRecalls = false;
        var layout = await client.LayoutAsync(file);
        world.Lun.FailFlushes(1);
        (await client.RefusalAsync(new Synchronize(client.Root, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);
        await client.CreateAsync("after the record");

        await world.TakeOverAsync();
        client.AnswersRecalls = true;
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], layout));
        await client.AskAsync<Done>(new ReclaimComplete());

        await world.UntilStateAsync(state => state.Layouts == 0);
        world.Lun.FencesBegun.ShouldBe(0);
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
