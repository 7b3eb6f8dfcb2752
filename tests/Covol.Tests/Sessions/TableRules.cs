using Covol.Protocol;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Sessions;
using Covol.Protocol.Volume;
using Covol.Tests.Wire;
using Shouldly;
using Xunit;

namespace Covol.Tests.Sessions;

public sealed class TableRules
{
    private static readonly OpenSession s_open = new(new NodeId(1), Guid.Empty, new ReservationKey(1), 4, null);

    public static TheoryData<string> Requests => new(Samples.KindsOf(typeof(VolumeRequest)).Select(kind => kind.FullName!));

    [Theory]
    [MemberData(nameof(Requests))]
    public void Every_request_has_a_nature(string kind)
    {
        var request = Samples.Make(typeof(VolumeRequest).Assembly.GetType(kind)!, new Random(1), full: true);

        Enum.IsDefined(RequestNatures.Of((VolumeRequest)request)).ShouldBeTrue();
    }

    [Fact]
    public void What_changes_the_volume_is_journalled_and_what_reads_is_not()
    {
        RequestNatures.Of(new Unlink(default, "a", false)).ShouldBe(RequestNature.OnceJournalled);
        RequestNatures.Of(new WriteData(default, default, Append: true, false)).ShouldBe(RequestNature.OnceJournalled);
        RequestNatures.Of(new WriteData(default, default, Append: false, false)).ShouldBe(RequestNature.Once);
        RequestNatures.Of(new Open(default, default, OpenAccess.Read, Truncate: true)).ShouldBe(RequestNature.OnceJournalled);
        RequestNatures.Of(new ReadData(default, default, 1)).ShouldBe(RequestNature.Repeatable);
    }

    [Fact]
    public void A_session_takes_nothing_before_it_is_journalled()
    {
        var table = new SessionTable(SessionLimits.Default);
        var ready = table.Open(s_open, new StateWriter()).ShouldBeOfType<SessionReady>();

        var id = new RequestId(ready.Session.Id, 0, 1);
        table.Begin(id, new GetRoot()).ShouldBeOfType<Refuse>().Error.ShouldBe(VolumeError.SessionUnknown);
        table.ConfirmOpened(ready.Session.Id);

        table.Begin(id, new GetRoot()).ShouldBeOfType<Execute>();
    }

    [Fact]
    public void State_is_dropped_only_after_the_end_is_journalled()
    {
        var table = new SessionTable(SessionLimits.Default);
        var session = table.Open(s_open, new StateWriter()).ShouldBeOfType<SessionReady>().Session;

        Should.Throw<InvariantBrokenException>(() => table.Drop(session.Id));
    }

    [Fact]
    public void A_request_that_ends_after_its_session_harms_nobody()
    {
        var table = new SessionTable(SessionLimits.Default);
        var session = table.Open(s_open, new StateWriter()).ShouldBeOfType<SessionReady>().Session;
        table.ConfirmOpened(session.Id);
        var request = new Create(default, "a", new NewInode(FileKind.Regular, 0, 0, 0), null, false, false);
        table.Begin(new RequestId(session.Id, 0, 1), request);
        var changes = new StateWriter();

        table.RecordEnd(session.Id, changes);
        table.Drop(session.Id);
        changes.Clear();
        table.RecordAnswer(new RequestId(session.Id, 0, 1), Done.Instance, changes);
        table.Complete(new RequestId(session.Id, 0, 1), request, Done.Instance);

        changes.IsEmpty.ShouldBeTrue();
        table.Sessions.ShouldBeEmpty();
    }

    [Fact]
    public void An_answer_needs_a_request_that_runs()
    {
        var table = new SessionTable(SessionLimits.Default);
        var session = table.Open(s_open, new StateWriter()).ShouldBeOfType<SessionReady>().Session;

        Should.Throw<InvariantBrokenException>(
            () => table.Complete(new RequestId(session.Id, 0, 1), new GetRoot(), Done.Instance));
    }

    [Fact]
    public void Other_machines_sections_are_passed_over_and_damaged_ones_refused()
    {
        var state = new StateWriter();
        state.Begin(StateTag.FirstOfCoordinator, 3);
        state.WriteString("opens");
        state.End();
        var table = new SessionTable(SessionLimits.Default);
        table.Open(s_open, state);
        var bytes = state.Written.ToArray();

        var read = new SessionTable(SessionLimits.Default);
        read.Apply(bytes);

        read.Sessions.Count.ShouldBe(1);
        for (var length = 1; length < bytes.Length; length++)
        {
            var cut = bytes[..length];
            if (length != StateWriterHead + 4 + "opens".Length)
            {
                Should.Throw<StateFormatException>(() => new SessionTable(SessionLimits.Default).Apply(cut));
            }
        }
    }

    private const int StateWriterHead = 7;
}
