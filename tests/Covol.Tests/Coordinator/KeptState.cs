using Covol.Coordinator;
using Covol.Coordinator.Metadata;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Tests.Coordinator.Support;
using Shouldly;
using Xunit;

namespace Covol.Tests.Coordinator;

/// <summary>What the coordinator keeps in the journal of sessions and answers, and what it takes from slots (SAFETY 16, 20, 21).</summary>
public sealed class KeptState
{
    private static readonly StateChange.SessionKept s_session =
        new(new SessionId(3), new NodeId(1), Guid.NewGuid(), new ReservationKey(77), 64);

    private static readonly FileId s_file = new(new FileReference(70, 2), 12);

    private static readonly StateChange[] s_changes =
    [
        s_session,
        new StateChange.Answered(new RequestId(s_session.Session, 4, 9), new Refused(VolumeError.Exists, "It is there.")),
        new StateChange.Answered(new RequestId(s_session.Session, 5, 1), new Entry(new InodeAttributes(
            s_file, FileKind.Regular, 0x1A4, 1, 2, 1, new ByteCount(5), new ByteCount(4_096), 0, new FileTime(1), new FileTime(2), new FileTime(3)))),
        new StateChange.Answered(new RequestId(s_session.Session, 6, 1), new DataWritten(new FileByteOffset(7), new ByteCount(8))),
        new StateChange.AppendPlaced(new RequestId(s_session.Session, 7, 2), 4_096),
        new StateChange.WritesLost(s_file),
        new StateChange.WritesForgotten(s_file),
        new StateChange.TailClaimed(s_file, s_session.Session, new LayoutGeneration(1L << 33)),
        new StateChange.TailEnded(s_file),
        new StateChange.TailsCut(s_session.Session),
        new StateChange.SessionGone(s_session.Session),
        new StateChange.LeaseLeft(s_session.Session),
        new StateChange.LeaseOver(s_session.Session),
    ];

    [Fact]
    public void Every_change_reads_as_it_was_written()
    {
        var (changes, lastSession) = StateCodec.Decode(StateCodec.Encode(s_changes, 9));

        changes.ShouldBe(s_changes);
        lastSession.ShouldBe(9);
    }

    [Fact]
    public void A_state_of_the_first_version_is_read()
    {
        var bytes = StateCodec.Encode(s_changes[..5], 9);
        bytes[0] = 1;

        StateCodec.Decode(bytes).Changes.ShouldBe(s_changes[..5]);
    }

    [Fact]
    public void A_state_is_written_in_the_lowest_version_that_can_say_it()
    {
        StateCodec.Encode([], 9)[0].ShouldBe((byte)1);
        StateCodec.Encode(s_changes[..5], 9)[0].ShouldBe((byte)1);
        StateCodec.Encode(s_changes[..7], 9)[0].ShouldBe((byte)2);
        StateCodec.Encode(s_changes[..8], 9)[0].ShouldBe((byte)3);
        StateCodec.Encode([s_changes[9], s_changes[0]], 9)[0].ShouldBe((byte)3);
        var part = new StateChange.Answered(new RequestId(new SessionId(1), 2, 3), new Allocated(new FileByteOffset(4_096)));
        StateCodec.Encode([part], 9)[0].ShouldBe((byte)5);
        StateCodec.Decode(StateCodec.Encode([part], 9)).Changes.ShouldBe([part]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    [InlineData(255)]
    public void A_state_of_an_unknown_version_is_refused_with_a_sentence(byte version)
    {
        var bytes = StateCodec.Encode(s_changes, 9);
        bytes[0] = version;

        Should.Throw<InvalidDataException>(() => StateCodec.Decode(bytes)).Message.ShouldContain("Start the newer program");
    }

    [Fact]
    public void A_state_that_is_cut_or_of_unknown_kinds_is_refused()
    {
        var bytes = StateCodec.Encode([s_session], 9);
        for (var length = 1; length < bytes.Length; length++)
        {
            // After a whole record a cut cannot be seen here; the journal's checksums see it.
            if (length is not (1 or 10))
            {
                Should.Throw<IOException>(() => StateCodec.Decode(bytes.AsMemory(0, length)));
            }
        }

        Should.Throw<InvalidDataException>(() => StateCodec.Decode(new byte[] { 2, 99 }));
    }

    [Fact]
    public void A_checkpoint_holds_the_last_answer_of_each_slot_and_nothing_of_a_session_that_ended()
    {
        var state = new DurableState();
        var other = s_session with { Session = new SessionId(4) };
        foreach (var change in s_changes)
        {
            state.Apply(change);
        }

        state.Apply(other);
        state.Apply(new StateChange.Answered(new RequestId(other.Session, 1, 1), Done.Instance));
        state.Apply(new StateChange.Answered(new RequestId(other.Session, 1, 2), Done.Instance));
        state.Apply(new StateChange.Answered(new RequestId(s_session.Session, 1, 1), Done.Instance));

        var read = DurableState.From(new JournalRecovery(state.Encode(), []));

        read.Sessions.ShouldHaveSingleItem().ShouldBe(other);
        read.Answers.ShouldHaveSingleItem().Id.Sequence.ShouldBe(2);
        read.Appends.ShouldBeEmpty();
        read.LostWrites.ShouldBeEmpty();
        read.LastSession.ShouldBe(4);
    }

    [Fact]
    public async Task An_answer_survives_a_checkpoint_and_a_takeover()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        var (file, _) = await client.CreateAsync("disk.raw");
        await client.WriteAsync(file, 0, RedirectedData.Pattern(4_096, 1));
        var id = client.NextId(slot: 3);
        var first = (await client.SendAsync(id, client.NewFile("a", null))).Reply;
        var checkpoints = world.Volume.Checkpoints;
        await client.LayoutAsync(file);
        world.Volume.Checkpoints.ShouldBeGreaterThan(checkpoints);

        await world.TakeOverAsync();
        await client.MoveToAsync(world.Coordinator);

        (await client.SendAsync(id, client.NewFile("a", null))).Reply.ShouldBe(first);
    }

    [Fact]
    public async Task An_old_sequence_a_busy_slot_and_a_slot_that_does_not_exist_are_refused()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var client = await world.ClientAsync(1);
        await client.AskAsync<Entry>(client.NewFile("a", null), slot: 3);
        await client.AskAsync<Entry>(client.NewFile("b", null), slot: 3);
        var session = client.Session.Session;

        (await RefusalAsync(new RequestId(session, 3, 1))).ShouldBe(VolumeError.BadRequest);
        (await RefusalAsync(new RequestId(session, client.Session.SlotCount + client.Session.ReservedSlotCount, 1)))
            .ShouldBe(VolumeError.BadRequest);
        using var mayGoOn = new ManualResetEventSlim();
        world.Volume.BeforeAttributes = () => mayGoOn.Wait(TimeSpan.FromSeconds(20));
        var running = client.SendAsync(client.NextId(4), new GetAttributes(client.Root));
        (await RefusalAsync(new RequestId(session, 4, 2))).ShouldBe(VolumeError.BadRequest);
        mayGoOn.Set();

        (await running).Reply.ShouldBeOfType<Entry>();

        async Task<VolumeError> RefusalAsync(RequestId id) =>
            (await client.SendAsync(id, new GetSpace())).Reply.ShouldBeOfType<Refused>().Error;
    }

    [Fact]
    public async Task A_session_that_ended_stays_ended_and_its_number_is_not_used_again()
    {
        await using var world = await CoordinatorWorld.StartAsync();
        var gone = await world.ClientAsync(1);
        await gone.AskAsync<Done>(new CloseSession());

        await world.TakeOverAsync();
        var answer = await new TestClient(world.Coordinator, 1).SendAsync(gone.NextId(), new GetSpace());
        var next = await world.ClientAsync(1);

        answer.Reply.ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.SessionUnknown);
        next.Session.Session.Value.ShouldBeGreaterThan(gone.Session.Session.Value);
    }

    [Fact]
    public async Task There_is_a_limit_to_sessions()
    {
        await using var world = await CoordinatorWorld.StartAsync(new CoordinatorOptions { SessionsMax = 1 });
        await world.ClientAsync(1);
        var second = new TestClient(world.Coordinator, 2);

        var answer = await second.SendAsync(
            default, new OpenSession(second.Node, second.MountId, second.DataKey, 4, null));

        answer.Reply.ShouldBeOfType<Refused>().Error.ShouldBe(VolumeError.Busy);
    }
}
