using Covol.Coordinator;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

public sealed class LayoutRecalls
{
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(100);

    [Fact]
    public async Task A_layout_tells_where_the_valid_data_lies()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(10_000, 1));

        var layout = await client.LayoutAsync(file);

        layout.ValidLength.Value.ShouldBe(10_000);
        var first = new byte[512];
        world.Lun.Read(layout.Extents[0].LunStart, first);
        first.ShouldBe(RedirectedData.Pattern(10_000, 1)[..512]);
        world.Volume.Checkpoints.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task An_empty_file_has_no_layout_yet()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.AskAsync<Entry>(new SetSize(file, new ByteCount(8_192)));

        var granted = await client.AskAsync<LayoutGranted>(new GetLayout(file, LayoutAccess.ReadWrite));

        granted.Layout.ShouldBeNull();
        granted.AskAgainAfter.ShouldBeGreaterThan(TimeSpan.Zero);
    }

    [Theory]
    [InlineData(0x9ED, false)] // rwsr-xr-x
    [InlineData(0x5ED, false)] // rwxr-sr-x
    [InlineData(0x5A4, true)] // rw-r-Sr--: not a set-id bit that a write takes away
    [InlineData(0x1A4, true)]
    public async Task A_file_whose_set_id_bits_a_write_takes_away_has_no_layout_for_writing(int mode, bool granted)
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("program");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(10_000, 1));
        await client.AskAsync<Entry>(new SetAttributes(file, new AttributeChange { Mode = mode }));

        var forWriting = await client.AskAsync<LayoutGranted>(new GetLayout(file, LayoutAccess.ReadWrite));

        (forWriting.Layout is not null).ShouldBe(granted);
        (await client.AskAsync<LayoutGranted>(new GetLayout(file, LayoutAccess.Read))).Layout.ShouldNotBeNull();
    }

    [Fact]
    public async Task Setting_a_set_id_bit_waits_until_nobody_writes_by_itself()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        holder.AnswersRecalls = false;
        var (file, _) = await holder.CreateAsync("program");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(10_000, 1));
        var layout = await holder.LayoutAsync(file);

        var change = other.AskAsync<Entry>(new SetAttributes(file, new AttributeChange { Mode = 0x9ED }));
        await world.UntilAsync(() => holder.Notices.OfType<RecallLayout>().Any());
        change.IsCompleted.ShouldBeFalse();
        await holder.AskAsync<Done>(new ReturnLayout(file, layout.Generation));

        (await change).Attributes.Mode.ShouldBe(0x9ED);
    }

    [Fact]
    public async Task A_truncation_waits_for_the_recall()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        holder.AnswersRecalls = false;
        var (file, _) = await holder.CreateAsync("disk.raw");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(40_960, 1));
        var layout = await holder.LayoutAsync(file);
        var freeBefore = world.Volume.Free.Count;

        var cut = other.AskAsync<Entry>(new SetSize(file, ByteCount.Zero));
        await world.UntilAsync(() => holder.Notices.OfType<RecallLayout>().Any());
        cut.IsCompleted.ShouldBeFalse();
        world.Volume.Free.Count.ShouldBe(freeBefore);
        await holder.AskAsync<Done>(new ReturnLayout(file, layout.Generation));

        (await cut).Attributes.Size.Value.ShouldBe(0);
        world.Volume.Free.Count.ShouldBe(freeBefore + 10);
        world.Lun.Fenced.ShouldBeEmpty();
    }

    [Fact]
    public async Task Clusters_are_freed_only_after_a_silent_session_was_fenced_and_its_lease_ended()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        holder.AnswersRecalls = false;
        var (file, _) = await holder.CreateAsync("disk.raw");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(40_960, 1));
        await holder.LayoutAsync(file);
        await holder.AskAsync<Done>(new RenewLease());
        var freeBefore = world.Volume.Free.Count;
        var renewed = world.Time.GetTimestamp();

        var cut = other.AskAsync<Entry>(new SetSize(file, ByteCount.Zero));
        world.Lun.FenceMayEnd.Reset();
        await world.UntilAsync(() => world.Lun.FencesBegun > 0, s_step);
        var fencedAfter = TimeSpan.FromTicks(world.Time.GetTimestamp() - renewed);
        world.Volume.Free.Count.ShouldBe(freeBefore);
        world.Lun.FenceMayEnd.Set();
        await world.UntilAsync(() => world.Lun.Fenced.Contains(holder.DataKey));
        (await holder.RefusalAsync(new RenewLease())).ShouldBe(VolumeError.Stale);
        await world.UntilAsync(() => cut.IsCompleted, s_step);

        fencedAfter.ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(5));
        TimeSpan.FromTicks(world.Time.GetTimestamp() - renewed).ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(10));
        world.Volume.Free.Count.ShouldBe(freeBefore + 10);
    }

    [Fact]
    public async Task Control_without_recalls_clusters_go_while_a_node_still_writes_them()
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { RecallsLayouts = false });
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, _) = await holder.CreateAsync("disk.raw");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(40_960, 1));
        var layout = await holder.LayoutAsync(file);

        await other.AskAsync<Entry>(new SetSize(file, ByteCount.Zero));

        holder.Notices.OfType<RecallLayout>().ShouldBeEmpty();
        world.Volume.Free.ShouldContain(layout.Extents[0].LunStart.Value / ModelVolume.Cluster);
    }

    [Fact]
    public async Task Part_of_a_block_is_changed_only_after_write_layouts_are_back_the_askers_own_too()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(40_960, 1));
        await client.LayoutAsync(file);

        await client.WriteAsync(file, 700, RedirectedData.Pattern(10, 2));

        client.Notices.OfType<RecallLayout>().Count().ShouldBe(1);
        var all = await client.ReadAsync(file, 0, 40_960);
        all[700..710].ShouldBe(RedirectedData.Pattern(10, 2));
        all[710..].ShouldBe(RedirectedData.Pattern(40_960, 1)[710..]);
    }

    [Fact]
    public async Task A_file_whose_blocks_are_shared_again_and_again_stays_redirected_for_a_while()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(40_960, 1));

        for (var conflict = 0; conflict < 3; conflict++)
        {
            await client.LayoutAsync(file);
            await client.WriteAsync(file, 700, RedirectedData.Pattern(10, 2));
        }

        var granted = await client.AskAsync<LayoutGranted>(new GetLayout(file, LayoutAccess.ReadWrite));
        granted.Layout.ShouldBeNull();
        granted.AskAgainAfter.ShouldBeGreaterThan(TimeSpan.FromSeconds(5));
        world.Time.Advance(TimeSpan.FromSeconds(11));
        await client.LayoutAsync(file);
    }

    [Fact]
    public async Task A_fenced_session_comes_back_with_another_key_and_its_handles()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        holder.AnswersRecalls = false;
        var (file, handle) = await holder.CreateAsync("disk.raw");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(40_960, 1));
        await holder.LayoutAsync(file);
        var cut = other.AskAsync<Entry>(new SetSize(file, new ByteCount(20_480)));
        await world.UntilAsync(() => cut.IsCompleted, s_step);

        holder.DataKey = new ReservationKey(0xD0FF);
        await holder.BeginAsync(holder.Session.Session);

        (await holder.LayoutAsync(file)).ValidLength.Value.ShouldBe(20_480);
        await holder.AskAsync<Done>(new RenewLease());
        await holder.AskAsync<Done>(new Close(handle));
    }

    [Fact]
    public async Task A_file_that_grows_keeps_its_layouts()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, _) = await holder.CreateAsync("disk.raw");
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(8_192, 1));
        await holder.LayoutAsync(file);

        await other.AppendAsync(file, RedirectedData.Pattern(5_000, 2));

        holder.Notices.ShouldBeEmpty();
        (await holder.LayoutAsync(file)).ValidLength.Value.ShouldBe(13_192);
    }
}
