using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Ownership;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;
using static Covol.Tests.Coordinator.Support.Tails;

namespace Covol.Tests.Coordinator;

/// <summary>
/// A node writes behind the valid length by itself; all others see what it acknowledged, and never what lay there before (SAFETY
/// 13).
/// </summary>
public sealed class TailedFiles
{
    [Fact]
    public async Task A_tail_lies_behind_valid_length_and_is_one_nodes_alone()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);

        var (file, layout) = await TailAsync(holder);

        layout.ValidLength.Value.ShouldBe(Begun);
        layout.TailEnd.Value.ShouldBeGreaterThanOrEqualTo(Begun + 16_384);
        layout.Extents[^1].FileEnd.ShouldBe(layout.TailEnd);
        (await other.AskAsync<LayoutGranted>(new GetLayout(file, LayoutAccess.ReadWrite, WithTail: true))).Layout
            .ShouldNotBeNull().HasTail.ShouldBeFalse();
    }

    [Fact]
    public async Task What_is_told_becomes_valid_and_what_lies_between_becomes_zero()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun + (2 * Block), 7);

        await holder.AskAsync<Done>(Told(layout, Begun + (2 * Block), isLast: false));

        (await holder.AttributesAsync(file)).Size.Value.ShouldBe(Begun + (3 * Block));
        (await holder.ReadAsync(file, Begun, 4 * Block)).ShouldBe([.. new byte[2 * Block], .. Filled(7)]);
        world.Volume.Map(file).ValidLength.Value.ShouldBe(Begun + (3 * Block));
    }

    [Fact]
    public async Task Control_without_zeroes_between_old_content_shows()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options with { ZeroesTails = false });
        var holder = await world.ClientAsync(1);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun + (2 * Block), 7);

        await holder.AskAsync<Done>(Told(layout, Begun + (2 * Block), isLast: false));

        (await holder.ReadAsync(file, Begun, Block)).ShouldBe(Filled(ArrayLun.Old));
    }

    [Theory]
    [InlineData("attributes")]
    [InlineData("lookup")]
    [InlineData("read")]
    [InlineData("open")]
    [InlineData("seek")]
    public async Task Another_node_sees_at_once_what_the_holder_has_acknowledged(string look)
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun, 9);
        holder.AnswersTails = asked => Told(layout, Begun, asked.IsLast) with { Ticket = asked.Ticket };

        switch (look)
        {
            case "attributes":
                (await other.AttributesAsync(file)).Size.Value.ShouldBe(Begun + Block);
                break;
            case "lookup":
                (await other.AskAsync<Entry>(new Lookup(other.Root, "disk.raw"))).Attributes.Size.Value.ShouldBe(Begun + Block);
                break;
            case "read":
                (await other.ReadAsync(file, Begun, 2 * Block)).ShouldBe(Filled(9));
                break;
            case "open":
                var open = new Open(file, new HandleId(77), OpenAccess.Read, Truncate: false);
                (await other.AskAsync<Entry>(open)).Attributes.Size.Value.ShouldBe(Begun + Block);
                break;
            default:
                var seek = new FindData(file, new FileByteOffset(Begun), Hole: false);
                (await other.AskAsync<DataFound>(seek)).Offset.ShouldNotBeNull().Value.ShouldBe(Begun);
                break;
        }

        world.Volume.Map(file).ValidLength.Value.ShouldBe(Begun + Block);
    }

    [Theory]
    [InlineData("read")]
    [InlineData("seek")]
    public async Task Who_looks_while_the_holder_tells_for_the_last_time_sees_it(string look)
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun, 9);
        holder.AnswersTails = _ => Told(layout, Begun, isLast: true);

        if (look == "read")
        {
            (await other.ReadAsync(file, Begun, 2 * Block)).ShouldBe(Filled(9));
        }
        else
        {
            var seek = new FindData(file, new FileByteOffset(Begun), Hole: false);
            (await other.AskAsync<DataFound>(seek)).Offset.ShouldNotBeNull().Value.ShouldBe(Begun);
        }
    }

    [Fact]
    public async Task Control_without_asking_the_holder_another_node_sees_too_little()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options with { AsksTails = false });
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun, 9);

        (await other.AttributesAsync(file)).Size.Value.ShouldBe(Begun);
    }

    [Fact]
    public async Task Who_writes_at_the_end_gets_it_after_the_holder_told_for_the_last_time()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun, 9);
        holder.AnswersTails = asked => asked.IsLast ? Told(layout, Begun, isLast: true) : null;

        var placed = await other.AppendAsync(file, Filled(5));

        placed.Offset.Value.ShouldBe(Begun + Block);
        (await other.ReadAsync(file, Begun, 4 * Block)).ShouldBe([.. Filled(9), .. Filled(5)]);
        (await holder.RefusalAsync(Told(layout, Begun + (4 * Block), isLast: true))).ShouldBe(VolumeError.Stale);
        (await holder.AskAsync<LayoutGranted>(new GetLayout(file, LayoutAccess.ReadWrite, WithTail: true))).Layout?.HasTail
            .ShouldBe(false, "Two nodes write at the end.");
    }

    [Fact]
    public async Task A_cut_waits_for_what_the_holder_has_to_tell()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun, 9);
        holder.AnswersTails = asked => Told(layout, Begun, asked.IsLast) with { Ticket = asked.Ticket };

        await other.AskAsync<Entry>(new SetSize(file, new ByteCount(Block)));

        (await other.AttributesAsync(file)).Size.Value.ShouldBe(Block);
        await other.AskAsync<Entry>(new SetSize(file, new ByteCount(2 * Begun)));
        (await other.ReadAsync(file, Begun, Block)).ShouldBe(new byte[Block]);
    }

    [Fact]
    public async Task What_a_dead_node_did_not_tell_is_never_seen()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, _) = await holder.CreateAsync("disk.raw");
        await other.OpenAsync(file);
        var layout = await TailAsync(holder, file);
        Write(world, layout, Begun, 9);
        await holder.AskAsync<Done>(Told(layout, Begun, isLast: false));
        Write(world, layout, Begun + Block, 10);
        holder.AnswersTails = _ => null;
        var looking = other.AttributesAsync(file);

        await world.Coordinator.EvictAsync(holder.Node, KeyLayout.Incarnation(holder.DataKey));

        (await looking).Size.Value.ShouldBe(Begun + Block);
        await other.WriteAsync(file, Begun + (4 * Block), Filled(3));
        (await other.ReadAsync(file, Begun, 5 * Block)).ShouldBe([.. Filled(9), .. new byte[3 * Block], .. Filled(3)]);
    }

    [Fact]
    public async Task After_a_takeover_nobody_hears_a_size_before_the_holder_is_back()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, handle) = await holder.CreateAsync("disk.raw");
        var layout = await TailAsync(holder, file);
        Write(world, layout, Begun, 9);
        await world.TakeOverAsync();
        await other.MoveToAsync(world.Coordinator);
        await other.AskAsync<Done>(new ReclaimComplete());

        (await other.RefusalAsync(new GetAttributes(file))).ShouldBe(VolumeError.InGrace);
        holder.AnswersTails = asked => Told(layout, Begun, asked.IsLast) with { Ticket = asked.Ticket };
        await holder.MoveToAsync(world.Coordinator);
        await holder.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [], layout));
        await holder.AskAsync<Done>(new ReclaimComplete());

        (await other.AttributesAsync(file)).Size.Value.ShouldBe(Begun + Block);
        (await other.ReadAsync(file, Begun, Block)).ShouldBe(Filled(9));
        world.Lun.Fenced.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_a_coordinator_cut_no_later_one_believes()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, layout) = await TailAsync(holder);
        holder.AnswersTails = _ => null;
        Write(world, layout, Begun, 9);
        await world.Coordinator.EvictAsync(holder.Node, KeyLayout.Incarnation(holder.DataKey));
        (await other.AttributesAsync(file)).Size.Value.ShouldBe(Begun);

        await world.TakeOverAsync();
        await other.MoveToAsync(world.Coordinator);
        await other.AskAsync<Done>(new ReclaimComplete());

        (await other.AttributesAsync(file)).Size.Value.ShouldBe(Begun);
    }

    [Fact]
    public async Task After_a_flush_that_failed_what_was_not_told_is_lost_and_never_seen()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun, 9);

        world.Lun.FailFlushes(1);
        (await holder.RefusalAsync(Told(layout, Begun, isLast: false))).ShouldBe(VolumeError.IoFailed);

        (await holder.RefusalAsync(Told(layout, Begun, isLast: true))).ShouldBe(VolumeError.IoFailed);
        (await holder.AttributesAsync(file)).Size.Value.ShouldBe(Begun);
        (await holder.RefusalAsync(new Synchronize(file, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);
    }

    [Fact]
    public async Task A_holder_that_is_silent_is_fenced_and_still_tells_what_it_wrote()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun, 9);
        holder.AnswersTails = _ => null;
        var looking = other.AttributesAsync(file);

        await world.UntilAsync(() => world.Lun.Fenced.Count > 0, TimeSpan.FromMilliseconds(100));
        looking.IsCompleted.ShouldBeFalse();
        await holder.AskAsync<Done>(Told(layout, Begun, isLast: true), slot: holder.Session.SlotCount);

        (await looking).Size.Value.ShouldBe(Begun + Block);
    }

    [Fact]
    public async Task A_grant_whose_answer_was_lost_is_given_again()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var (file, _) = await holder.CreateAsync("disk.raw");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(Begun, 1));
        var id = holder.NextId();
        var ask = new GetLayout(file, LayoutAccess.ReadWrite, WithTail: true);

        var first = (await holder.SendAsync(id, ask)).Reply.ShouldBeOfType<LayoutGranted>().Layout.ShouldNotBeNull();
        var again = (await holder.SendAsync(id, ask)).Reply.ShouldBeOfType<LayoutGranted>().Layout.ShouldNotBeNull();

        again.HasTail.ShouldBeTrue();
        again.Generation.Value.ShouldBeGreaterThan(first.Generation.Value);
        await holder.AskAsync<Done>(Told(again, Begun, isLast: true));
    }

    [Fact]
    public async Task Room_that_was_not_used_is_given_back_at_the_last_close()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var (file, handle) = await holder.CreateAsync("disk.raw");
        var layout = await TailAsync(holder, file);
        await holder.AskAsync<Done>(new ReturnLayout(file, layout.Generation));
        await holder.AskAsync<Done>(new CommitLayout(file, layout.Generation, [], Ticket: 0, IsLast: true));

        await holder.AskAsync<Done>(new Close(handle));

        await world.UntilAsync(() => world.Volume.Map(file).Allocated.Value == Begun);
        (await world.Coordinator.GetStateAsync()).Phase.ShouldBe(CoordinatorPhase.Serving);
    }
}
