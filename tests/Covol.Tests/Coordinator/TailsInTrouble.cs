using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;
using static Covol.Tests.Coordinator.Support.Tails;

namespace Covol.Tests.Coordinator;

/// <summary>Tails when something hangs, fails, is full, comes late, or comes twice.</summary>
public sealed class TailsInTrouble
{
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(100);

    [Fact]
    public async Task A_write_that_came_into_doubt_while_room_was_made_keeps_the_tail_from_being_given()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, _) = await holder.CreateAsync("disk.raw");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(Begun, 1));
        using var writeGoesOn = new ManualResetEventSlim();
        using var mayLook = new ManualResetEventSlim();
        using var looks = new ManualResetEventSlim();
        world.Lun.BeforeWrite = (_, _) => writeGoesOn.Wait(TimeSpan.FromSeconds(20));
        var id = other.NextId(slot: 5);
        var slow = other.SendAsync(id, new WriteData(file, default, Append: false, ClearSetId: false), Filled(2));
        world.Volume.BeforeAttributes = () =>
        {
            looks.Set();
            mayLook.Wait(TimeSpan.FromSeconds(20));
        };
        var asked = holder.AskAsync<LayoutGranted>(new GetLayout(file, LayoutAccess.ReadWrite, WithTail: true));
        looks.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();

        // Its client gave it up, and asks what became of it.
        var settled = other.SendAsync(id, new RenewLease());
        await world.Coordinator.GetStateAsync();
        world.Volume.BeforeAttributes = null;
        mayLook.Set();

        (await asked).Layout.ShouldBeNull("The write may land over what the node writes.");
        writeGoesOn.Set();
        (await slow).Reply.ShouldBeOfType<DataWritten>();
        (await settled).Reply.ShouldBeOfType<DataWritten>();
    }

    [Theory]
    [InlineData("look")]
    [InlineData("write")]
    [InlineData("cut")]
    public async Task A_holder_that_hangs_keeps_nobody_waiting_for_ever(string what)
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun, 9);
        holder.AnswersTails = _ => null;
        holder.AnswersRecalls = false;

        Task waiting = what switch
        {
            "look" => other.AttributesAsync(file),
            "write" => other.WriteAsync(file, Begun, Filled(4)),
            _ => other.AskAsync<Entry>(new SetSize(file, new ByteCount(Block))),
        };
        await world.UntilAsync(() => waiting.IsCompleted, s_step);
        await waiting;

        world.Lun.Fenced.ShouldBe([holder.DataKey]);
        (await holder.RefusalAsync(Told(layout, Begun, isLast: true), slot: holder.Session.SlotCount)).ShouldBe(VolumeError.Stale);
        (await other.AttributesAsync(file)).Size.Value.ShouldBe(what switch { "look" => Begun, "write" => Begun + Block, _ => Block });
        await world.TakeOverAsync();
        await other.MoveToAsync(world.Coordinator);
        (await other.AttributesAsync(file)).Size.Value.ShouldBe(what switch { "look" => Begun, "write" => Begun + Block, _ => Block });
    }

    [Fact]
    public async Task A_hole_is_never_filled_with_what_an_evicted_holder_may_still_read()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        world.Volume.HasHoles = true;
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, layout) = await TailAsync(holder);
        await other.OpenAsync(file);
        await world.Coordinator.EvictAsync(holder.Node, Covol.Protocol.Ownership.KeyLayout.Incarnation(holder.DataKey));
        var end = layout.TailEnd.Value;

        // A hole inside valid data begins behind the tail, whose clusters are valid by then, where they are.
        await other.WriteAsync(file, end + (256 << 10), Filled(3));
        await other.WriteAsync(file, end + (64 << 10), Filled(4));
        await other.AskAsync<Done>(new Allocate(
            file, AllocationMode.KeepSize, new FileByteOffset(end), new ByteCount(128 << 10)));

        var map = world.Volume.Map(file);
        var readable = layout.Extents.Sum(extent => extent.Length.Value);
        map.Extents.Where(extent => extent.FileStart.Value < end).Sum(extent => Math.Min(extent.FileEnd.Value, end) - extent.FileStart.Value)
            .ShouldBe(readable);
        foreach (var extent in layout.Extents)
        {
            var now = map.Extents.Single(piece => piece.FileStart <= extent.FileStart && extent.FileStart < piece.FileEnd);
            (now.LunStart + (extent.FileStart - now.FileStart)).ShouldBe(extent.LunStart);
        }

        (await other.ReadAsync(file, end + (64 << 10), Block)).ShouldBe(Filled(4));
        (await other.ReadAsync(file, end, 512)).ShouldBe(new byte[512]);
    }

    [Fact]
    public async Task A_tail_is_not_cut_before_its_holder_is_fenced()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, _) = await TailAsync(holder);
        holder.AnswersTails = _ => null;
        world.Lun.FenceMayEnd.Reset();
        var looking = other.AttributesAsync(file);

        await world.UntilAsync(() => world.Lun.FencesBegun > 0, s_step);
        for (var step = 0; step < 200; step++)
        {
            world.Time.Advance(s_step);
            await world.Coordinator.GetStateAsync();
        }

        looking.IsCompleted.ShouldBeFalse("What it writes may still land.");
        world.Lun.FenceMayEnd.Set();
        await world.UntilAsync(() => looking.IsCompleted, s_step);
    }

    [Fact]
    public async Task The_coordinators_own_commit_does_not_count_against_the_holder()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun, 9);
        holder.AnswersTails = asked => Told(layout, Begun, asked.IsLast) with { Ticket = asked.Ticket };
        using var commits = new ManualResetEventSlim();
        using var mayCommit = new ManualResetEventSlim();
        world.Volume.BeforeCommit = () =>
        {
            commits.Set();
            mayCommit.Wait(TimeSpan.FromSeconds(20));
        };

        var looking = other.AttributesAsync(file);
        commits.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();
        for (var step = 0; step < 300; step++)
        {
            world.Time.Advance(s_step);
            await world.Coordinator.GetStateAsync();
        }

        world.Lun.FencesBegun.ShouldBe(0);
        mayCommit.Set();
        (await looking).Size.Value.ShouldBe(Begun + Block);
    }

    [Fact]
    public async Task A_file_with_much_room_gets_no_longer_a_tail_than_others()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options with { TailStepMax = 16_384 });
        var holder = await world.ClientAsync(1);
        var (file, _) = await holder.CreateAsync("disk.raw");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(Begun, 1));
        await holder.AskAsync<Done>(new Allocate(file, AllocationMode.Extend, default, new ByteCount(1 << 20)));

        var layout = await AskAsync(holder, file);

        layout.TailEnd.Value.ShouldBe(Begun + 16_384);
        layout.Extents[^1].FileEnd.ShouldBe(layout.TailEnd);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_was_told_for_the_last_time_is_answered_again_after_a_takeover(bool writes)
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun, 9);
        var slot = holder.Session.SlotCount + 2;
        if (!writes)
        {
            await holder.AskAsync<Done>(Told(layout, Begun, isLast: false));
        }

        var id = holder.NextId(slot);
        (await holder.SendAsync(id, Told(layout, Begun, isLast: true))).Reply.ShouldBe(Done.Instance);

        await world.TakeOverAsync();
        await holder.MoveToAsync(world.Coordinator);

        (await holder.SendAsync(id, Told(layout, Begun, isLast: true))).Reply.ShouldBe(Done.Instance, "It is no loss.");
        await holder.AskAsync<Done>(new ReclaimComplete());
        (await holder.AttributesAsync(file)).Size.Value.ShouldBe(Begun + Block);
    }

    [Fact]
    public async Task What_is_told_after_a_hand_over_is_left_to_the_next_coordinator()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var (_, layout) = await TailAsync(holder);
        Write(world, layout, Begun + (2 * Block), 9);

        await world.Coordinator.HandOverAsync();

        (await holder.RefusalAsync(Told(layout, Begun + (2 * Block), isLast: true))).ShouldBe(VolumeError.NotServing);
    }

    [Fact]
    public async Task A_file_that_ends_within_a_block_gets_a_layout_without_a_tail()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var (file, _) = await holder.CreateAsync("log");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(Begun + 100, 1));

        (await AskAsync(holder, file)).HasTail.ShouldBeFalse();
        await holder.WriteAsync(file, Begun + 100, RedirectedData.Pattern(Block - 100, 1));
        (await AskAsync(holder, file)).HasTail.ShouldBeTrue();
    }

    [Fact]
    public async Task Who_ends_its_own_tail_early_gets_none_for_a_moment_and_who_used_it_up_gets_the_next_at_once()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var (file, layout) = await TailAsync(holder);

        await holder.WriteAsync(file, layout.TailEnd.Value - Block, RedirectedData.Pattern(2 * Block, 2));
        var next = await AskAsync(holder, file);
        next.HasTail.ShouldBeTrue();
        await holder.WriteAsync(file, layout.TailEnd.Value + Block, RedirectedData.Pattern(100, 2));
        await holder.AskAsync<Entry>(new SetSize(file, new ByteCount(Begun)));

        (await AskAsync(holder, file)).HasTail.ShouldBeFalse();
        world.Time.Advance(TimeSpan.FromSeconds(2));
        (await AskAsync(holder, file)).HasTail.ShouldBeTrue();
    }

    [Theory]
    [InlineData("set-id bit")]
    [InlineData("zeroes")]
    public async Task A_holder_that_can_answer_a_recall_only_after_its_report_is_not_waited_for_in_vain(string what)
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, layout) = await TailAsync(holder);
        Write(world, layout, Begun, 9);
        holder.AnswersRecalls = false;
        holder.AnswersTails = _ =>
        {
            holder.AnswersRecalls = true;
            return Told(layout, Begun, isLast: true);
        };

        // Nobody moves the clock, so no deadline helps.
        if (what == "zeroes")
        {
            await other.AskAsync<Done>(new Allocate(file, AllocationMode.ZeroRange, default, new ByteCount(Block)));
        }
        else
        {
            await other.AskAsync<Entry>(new SetAttributes(file, new AttributeChange { Mode = 0x9C0 }));
        }

        world.Lun.Fenced.ShouldBeEmpty();
        (await other.AttributesAsync(file)).Size.Value.ShouldBe(Begun + Block);
    }

    [Fact]
    public async Task After_a_takeover_only_the_tails_of_files_that_lost_writes_are_void()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var (lost, _) = await holder.CreateAsync("lost");
        await holder.WriteAsync(lost, 0, RedirectedData.Pattern(Begun, 1));
        await holder.WriteAsync(lost, 0, RedirectedData.Pattern(Block, 1));
        world.Lun.FailFlushes(1);
        (await holder.RefusalAsync(new Synchronize(lost, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);
        var (file, handle) = await holder.CreateAsync("disk.raw");
        var layout = await TailAsync(holder, file);
        Write(world, layout, Begun, 9);

        await ComeBackAsync(world, holder, layout, handle);

        await holder.AskAsync<Done>(Told(layout, Begun, isLast: false));
        (await holder.AttributesAsync(file)).Size.Value.ShouldBe(Begun + Block);
        (await holder.AskAsync<LayoutGranted>(new GetLayout(lost, LayoutAccess.ReadWrite, WithTail: true))).Layout
            .ShouldBeNull("Its synchronisations fail, so nothing new is begun there.");
    }

    [Fact]
    public async Task What_a_failed_flush_made_void_stays_void_after_a_takeover()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var (file, handle) = await holder.CreateAsync("disk.raw");
        var layout = await TailAsync(holder, file);
        Write(world, layout, Begun, 9);
        world.Lun.FailFlushes(1);
        (await holder.RefusalAsync(new Synchronize(holder.Root, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);

        await ComeBackAsync(world, holder, layout, handle);

        (await holder.RefusalAsync(Told(layout, Begun, isLast: true))).ShouldBe(VolumeError.IoFailed);
        (await holder.AttributesAsync(file)).Size.Value.ShouldBe(Begun);
    }

    [Fact]
    public async Task A_flush_that_fails_before_the_holder_is_back_makes_its_tail_void_too()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, handle) = await holder.CreateAsync("disk.raw");
        var layout = await TailAsync(holder, file);
        Write(world, layout, Begun, 9);
        await world.TakeOverAsync();
        await other.MoveToAsync(world.Coordinator);
        await other.AskAsync<Done>(new Synchronize(other.Root, WroteDirectly: false));
        world.Lun.FailFlushes(1);
        (await other.RefusalAsync(new Synchronize(other.Root, WroteDirectly: false))).ShouldBe(VolumeError.IoFailed);

        await ComeBackAsync(world, holder, layout, handle);
        await other.MoveToAsync(world.Coordinator);

        (await holder.RefusalAsync(Told(layout, Begun, isLast: true))).ShouldBe(VolumeError.IoFailed);
    }

    [Fact]
    public async Task A_volume_without_room_for_a_tail_still_gives_the_layout()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var (file, _) = await holder.CreateAsync("disk.raw");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(Begun, 1));
        world.Volume.BeforePreallocate = () => throw new VolumeException(VolumeError.NoSpace, "The model is full.");

        (await AskAsync(holder, file)).HasTail.ShouldBeFalse();
    }

    [Fact]
    public async Task A_tail_is_made_longer_under_the_same_grant_while_its_holder_writes()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options);
        var holder = await world.ClientAsync(1);
        var (file, layout) = await TailAsync(holder);
        var ask = new GetLayout(file, LayoutAccess.ReadWrite, WithTail: true, layout.Generation);

        var longer = (await holder.AskAsync<LayoutGranted>(ask)).Layout.ShouldNotBeNull();

        longer.Generation.ShouldBe(layout.Generation);
        longer.TailEnd.Value.ShouldBeGreaterThanOrEqualTo(layout.TailEnd.Value + 16_384);
        Write(world, longer, longer.TailEnd.Value - Block, 9);
        await holder.AskAsync<Done>(Told(longer, longer.TailEnd.Value - Block, isLast: true));
        (await holder.AttributesAsync(file)).Size.ShouldBe(new ByteCount(longer.TailEnd.Value));
        (await holder.ReadAsync(file, longer.TailEnd.Value - (2 * Block), 2 * Block)).ShouldBe([.. new byte[Block], .. Filled(9)]);
        (await holder.AskAsync<LayoutGranted>(ask)).Layout.ShouldBeNull("The tail has ended.");
    }

    [Fact]
    public async Task No_tail_reaches_further_than_the_limit_behind_valid_length()
    {
        await using var world = await CoordinatorWorld.StartAsync(Options with { TailMax = 40_960 });
        var holder = await world.ClientAsync(1);
        var (file, layout) = await TailAsync(holder);
        var ask = new GetLayout(file, LayoutAccess.ReadWrite, WithTail: true, layout.Generation);
        while ((await holder.AskAsync<LayoutGranted>(ask)).Layout is { } longer)
        {
            longer.TailEnd.Value.ShouldBeGreaterThan(layout.TailEnd.Value);
            layout = longer;
        }

        layout.TailEnd.Value.ShouldBeLessThanOrEqualTo(Begun + 40_960);
        Write(world, layout, layout.TailEnd.Value - Block, 9);
        await holder.AskAsync<Done>(Told(layout, layout.TailEnd.Value - Block, isLast: false));
        (await holder.AskAsync<LayoutGranted>(ask)).Layout.ShouldNotBeNull("What was told is not behind valid length any more.");
    }

    /// <summary>The coordinator crashes; the holder comes back with its handle and its layout.</summary>
    private static async Task ComeBackAsync(CoordinatorWorld world, TestClient holder, Layout layout, HandleId handle)
    {
        await world.TakeOverAsync();
        await holder.MoveToAsync(world.Coordinator);
        await holder.AskAsync<Done>(new ReclaimHandle(layout.File, handle, OpenAccess.ReadWrite, [], layout));
        await holder.AskAsync<Done>(new ReclaimComplete());
    }
}
