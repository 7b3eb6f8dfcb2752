using Covol.Coordinator;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

public sealed class ExactlyOnce
{
    [Fact]
    public async Task A_create_whose_connection_broke_is_carried_out_once()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var id = client.NextId(slot: 3);
        var first = await client.SendAsync(id, client.NewFile("a", new HandleId(70)));

        world.Coordinator.Disconnected(client);
        await client.BeginAsync(client.Session.Session);
        var second = await client.SendAsync(id, client.NewFile("a", new HandleId(70)));

        second.Reply.ShouldBe(first.Reply);
    }

    [Fact]
    public async Task An_open_that_comes_again_and_finds_no_room_is_refused_and_the_coordinator_goes_on()
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { HandlesMax = 1 });
        var client = await world.ClientAsync(1);
        var id = client.NextId(slot: 3);
        await client.SendAsync(id, client.NewFile("a", new HandleId(70)));
        await client.AskAsync<Done>(new Close(new HandleId(70)));
        await client.AskAsync<Entry>(client.NewFile("b", new HandleId(71)));

        var again = await client.SendAsync(id, client.NewFile("a", new HandleId(70)));

        again.Reply.ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.Busy);
        await client.AskAsync<Entry>(new GetRoot());
        world.FailedBecause.ShouldBeNull();
    }

    [Fact]
    public async Task A_create_that_was_committed_before_a_crash_is_answered_from_the_journal()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var id = client.NextId(slot: 3);
        var first = (await client.SendAsync(id, client.NewFile("a", new HandleId(70)))).Reply;

        await world.TakeOverAsync();
        (await client.MoveToAsync(world.Coordinator)).InGrace.ShouldBeTrue();
        var second = (await client.SendAsync(id, client.NewFile("a", new HandleId(70)))).Reply;

        second.ShouldBe(first);
        (await world.Coordinator.GetStateAsync()).OpenHandles.ShouldBe(1);
    }

    [Fact]
    public async Task Control_without_remembered_answers_the_second_create_is_refused()
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { RemembersAnswers = false });
        var client = await world.ClientAsync(1);
        var id = client.NextId();
        await client.SendAsync(id, client.NewFile("a", null));

        var second = await client.SendAsync(id, client.NewFile("a", null));

        second.Reply.ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.Exists);
    }

    [Fact]
    public async Task A_request_that_is_still_being_carried_out_is_not_begun_again()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("log");
        using var mayWrite = new ManualResetEventSlim();
        world.Lun.BeforeWrite = (_, _) => mayWrite.Wait(TimeSpan.FromSeconds(10));
        var id = client.NextId();
        var append = new WriteData(file, default, Append: true, ClearSetId: false);

        var first = client.SendAsync(id, append, RedirectedData.Pattern(100, 1));
        var second = client.SendAsync(id, append, RedirectedData.Pattern(100, 1));
        mayWrite.Set();

        (await first).Reply.ShouldBe((await second).Reply);
        (await client.AttributesAsync(file)).Size.Value.ShouldBe(100);
    }

    [Fact]
    public async Task A_read_that_still_runs_is_settled_without_its_data()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("a");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(4_096, 1));
        using var mayRead = new ManualResetEventSlim();
        world.Lun.AfterRead = () => mayRead.Wait(TimeSpan.FromSeconds(10));
        var id = client.NextId();

        var given = client.SendAsync(id, new ReadData(file, default, 4_096));
        var settled = client.SendAsync(id, new RenewLease());
        await world.Coordinator.GetStateAsync();
        settled.IsCompleted.ShouldBeFalse();
        mayRead.Set();

        // A connection on which more data comes than was asked for is given up.
        (await settled).Data.Length.ShouldBe(0);
        (await given).Data.ToArray().ShouldBe(RedirectedData.Pattern(4_096, 1));
    }

    [Fact]
    public async Task An_append_that_a_crash_cut_short_goes_to_the_place_it_had()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("log");
        await client.AppendAsync(file, RedirectedData.Pattern(1_000, 1));
        var commits = world.Volume.Commits;
        using var crashed = new ManualResetEventSlim();
        world.Lun.BeforeWrite = (_, _) => crashed.Wait(TimeSpan.FromSeconds(10));
        var id = client.NextId(slot: 3);
        var append = new WriteData(file, default, Append: true, ClearSetId: false);
        var lost = client.SendAsync(id, append, RedirectedData.Pattern(50, 2));
        await world.UntilAsync(() => world.Volume.Commits > commits);

        // The size is stable, the data is not there, nobody was answered.
        var ending = world.TakeOverAsync();
        crashed.Set();
        await ending;
        world.Lun.BeforeWrite = null;
        await Should.ThrowAsync<Covol.Transport.ConnectionLostException>(lost);
        await client.MoveToAsync(world.Coordinator);
        await client.AskAsync<Done>(new ReclaimComplete());
        var again = (await client.SendAsync(id, append, RedirectedData.Pattern(50, 2))).Reply.ShouldBeOfType<DataWritten>();

        again.Offset.Value.ShouldBe(1_000);
        (await client.ReadAsync(file, 0, 5_000)).ShouldBe(
            [.. RedirectedData.Pattern(1_000, 1), .. RedirectedData.Pattern(50, 2)]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_request_for_another_epoch_is_refused_and_its_control_is_not(bool guarded)
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { ChecksEpoch = guarded });
        var client = await world.ClientAsync(1);

        var answer = await world.Coordinator.CallAsync(
            client, new(client.NextId(), new Epoch(3), new GetSpace(), default), CancellationToken.None);

        if (guarded)
        {
            answer.Reply.ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.WrongEpoch);
        }
        else
        {
            answer.Reply.ShouldBeOfType<VolumeSpace>();
        }

        answer.Epoch.ShouldBe(world.Coordinator.Epoch);
    }

    [Fact]
    public async Task A_node_cannot_use_another_nodes_session()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var stranger = new TestClient(world.Coordinator, 2);

        var answer = await stranger.SendAsync(client.NextId(), new GetSpace());

        answer.Reply.ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.BadRequest);
        stranger.ClosedBecause.ShouldNotBeNull();
    }

    [Fact]
    public async Task What_was_not_committed_is_not_answered()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        world.Volume.BeforeCommit = () => throw new InvalidOperationException("The LUN is gone.");

        var lost = client.SendAsync(client.NextId(), client.NewFile("a", null));

        await Should.ThrowAsync<Covol.Transport.ConnectionLostException>(lost);
        (await world.FailedAsync()).ShouldBe("The LUN is gone.");
    }

    [Fact]
    public async Task A_coordinator_whose_key_was_fenced_stops_even_when_nobody_writes()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);

        world.Lun.PreemptAndAbort(default, new ReservationKey(0xC007), TimeSpan.Zero);
        while (world.FailedBecause is null)
        {
            world.Time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Yield();
        }

        world.FailedBecause.ShouldContain("higher epoch");
        await Should.ThrowAsync<Covol.Transport.ConnectionLostException>(client.AskAsync(new GetSpace()));
    }

    [Fact]
    public async Task A_layout_whose_answer_was_lost_is_granted_anew_not_repeated()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(4_096, 1));
        var id = client.NextId(slot: 3);
        var ask = new GetLayout(file, Protocol.Layouts.LayoutAccess.ReadWrite);
        var lost = (await client.SendAsync(id, ask)).Reply.ShouldBeOfType<LayoutGranted>().Layout.ShouldNotBeNull();
        await client.AskAsync<Entry>(new SetSize(file, new ByteCount(100)));

        var again = (await client.SendAsync(id, ask)).Reply.ShouldBeOfType<LayoutGranted>().Layout.ShouldNotBeNull();

        again.Generation.Value.ShouldBeGreaterThan(lost.Generation.Value);
        again.ValidLength.Value.ShouldBe(100);
    }

    [Fact]
    public async Task Locks_and_handles_that_are_reclaimed_go_on_and_new_locks_wait_for_the_end_of_grace()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var holder = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, handle) = await holder.CreateAsync("disk.raw");
        var otherHandle = await other.OpenAsync(file);
        await holder.WriteAsync(file, 0, RedirectedData.Pattern(100, 1));
        var held = new HeldLock(new LockOwner(9), 77, LockKind.Range, LockMode.Exclusive, LockRange.All);
        await holder.AskAsync<Done>(
            new SetLock(file, handle, held.Owner, held.ProcessId, held.Kind, held.Mode, held.Range, Wait: false));

        await world.TakeOverAsync();
        await holder.MoveToAsync(world.Coordinator);
        await other.MoveToAsync(world.Coordinator);
        await other.AskAsync<Done>(new ReclaimHandle(file, otherHandle, OpenAccess.ReadWrite, [], null));
        var wanted = new SetLock(file, otherHandle, held.Owner, 1, held.Kind, held.Mode, held.Range, Wait: false);
        (await other.RefusalAsync(wanted)).ShouldBe(VolumeError.InGrace);
        (await other.RefusalAsync(new SetSize(file, ByteCount.Zero))).ShouldBe(VolumeError.InGrace);
        await holder.AskAsync<Done>(new ReclaimHandle(file, handle, OpenAccess.ReadWrite, [held], null));
        await holder.AskAsync<Done>(new ReclaimComplete());
        await other.AskAsync<Done>(new ReclaimComplete());

        (await other.RefusalAsync(wanted)).ShouldBe(VolumeError.LockConflict);
        (await other.RefusalAsync(new ReclaimHandle(file, otherHandle, OpenAccess.Read, [], null))).ShouldBe(VolumeError.ReclaimRefused);
    }

    [Fact]
    public async Task A_session_that_does_not_reclaim_is_fenced_before_anything_is_freed()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var silent = await world.ClientAsync(1);
        var other = await world.ClientAsync(2);
        var (file, _) = await silent.CreateAsync("disk.raw");
        await silent.WriteAsync(file, 0, RedirectedData.Pattern(4_096, 1));
        await silent.LayoutAsync(file);

        await world.TakeOverAsync();
        await other.MoveToAsync(world.Coordinator);
        await other.AskAsync<Done>(new ReclaimComplete());
        await world.UntilAsync(() => world.Lun.Fenced.Contains(silent.DataKey), TimeSpan.FromMilliseconds(200));
        var cut = other.AskAsync<Entry>(new SetSize(file, ByteCount.Zero));
        await world.UntilAsync(() => cut.IsCompleted, TimeSpan.FromMilliseconds(200));

        (await cut).Attributes.Size.Value.ShouldBe(0);
    }

    [Fact]
    public async Task Set_attributes_are_there_after_a_crash()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("a");
        await client.AskAsync<Entry>(new SetAttributes(file, new AttributeChange { Mode = 0x1C0 }));

        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);

        (await client.AttributesAsync(file)).Mode.ShouldBe(0x1C0);
    }
}
