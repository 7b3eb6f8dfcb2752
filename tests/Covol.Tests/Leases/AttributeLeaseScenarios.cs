using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Leases;
using Covol.Protocol.Units;
using Shouldly;
using Xunit;

namespace Covol.Tests.Leases;

public sealed class AttributeLeaseScenarios
{
    private static readonly TimeSpan s_length = TimeSpan.FromSeconds(1.5);
    private static readonly FileId s_file = new(new FileReference(64, 1), 1);
    private static readonly FileId s_other = new(new FileReference(65, 1), 1);
    private static readonly SessionId s_first = new(1);
    private static readonly SessionId s_second = new(2);

    private readonly AttributeLeaseMachine _machine = new(s_length, 0);
    private Moment _now = new(0);

    public AttributeLeaseScenarios()
    {
        Join(s_first);
        Join(s_second);
    }

    [Fact]
    public void A_change_of_what_nobody_keeps_waits_for_nobody() => Begin(1, s_first, s_file).ShouldBe([new LeaseEffect.MayChange(1)]);

    [Fact]
    public void A_change_waits_until_the_other_session_has_let_go()
    {
        Grant(s_second, s_file).ShouldBeTrue();

        var recall = Begin(1, s_first, s_file).OfType<LeaseEffect.SendRecall>().Single();

        recall.Session.ShouldBe(s_second);
        recall.Files.ShouldBe([s_file]);
        Step(new LeaseInput.Returned(s_second, recall.Recall)).ShouldContain(new LeaseEffect.MayChange(1));
    }

    [Fact]
    public void What_a_session_kept_that_ended_is_forgotten_with_its_lease_without_anything_else_happening()
    {
        Grant(s_second, s_file).ShouldBeTrue();
        var timer = Step(new LeaseInput.SessionEnded(s_second)).OfType<LeaseEffect.SetTimer>().Single().At.ShouldNotBeNull();
        _machine.Count.ShouldBe(1, "Its kernel may still show it.");

        _now = timer;
        Step(new LeaseInput.TimerFired());

        _machine.Count.ShouldBe(0);
        Begin(1, s_first, s_file).ShouldBe([new LeaseEffect.MayChange(1)]);
    }

    [Fact]
    public void Who_asks_for_a_change_is_not_waited_for_and_recalled_by_the_next_change_of_another()
    {
        Grant(s_first, s_file);

        Begin(1, s_first, s_file).ShouldBe([new LeaseEffect.MayChange(1)]);
        Step(new LeaseInput.End(1));

        // Its kernel may still show names of a directory that it changed itself.
        Begin(2, s_second, s_file).OfType<LeaseEffect.SendRecall>().Single().Session.ShouldBe(s_first);
    }

    [Fact]
    public void A_change_that_ran_alone_knows_what_it_left()
    {
        var since = _machine.Clock;
        Begin(1, s_first, s_file);

        _machine.IsOnlyChange(s_file, since).ShouldBeTrue();
    }

    [Fact]
    public void A_change_does_not_know_what_it_left_while_another_runs_or_after_one_ended_beside_it()
    {
        var since = _machine.Clock;
        Begin(1, s_first, s_file);
        var sinceSecond = _machine.Clock;
        Begin(2, s_second, s_file);

        _machine.IsOnlyChange(s_file, since).ShouldBeFalse();
        Step(new LeaseInput.End(1));
        _machine.IsOnlyChange(s_file, sinceSecond).ShouldBeFalse();
    }

    [Fact]
    public void Who_asks_for_a_change_is_recalled_too_where_it_did_not_name_the_file()
    {
        Grant(s_first, s_other);

        var effects = Step(new LeaseInput.Begin(1, s_first, [s_file], [s_other]));

        effects.OfType<LeaseEffect.SendRecall>().Single().Session.ShouldBe(s_first);
        effects.ShouldNotContain(new LeaseEffect.MayChange(1));
    }

    [Fact]
    public void A_session_that_does_not_answer_is_waited_for_until_its_lease_ends()
    {
        Grant(s_second, s_file);
        Pass(TimeSpan.FromSeconds(1));
        Step(new LeaseInput.Renew(s_second));
        Begin(1, s_first, s_file).OfType<LeaseEffect.SetTimer>().Single().At.ShouldNotBeNull();

        // It keeps other files, for which it renews; not this one.
        Pass(TimeSpan.FromSeconds(1));
        Step(new LeaseInput.Renew(s_second)).ShouldNotContain(new LeaseEffect.MayChange(1));
        Pass(TimeSpan.FromSeconds(0.5));

        Step(new LeaseInput.TimerFired()).ShouldContain(new LeaseEffect.MayChange(1));
    }

    [Fact]
    public void A_second_change_waits_for_the_same_session_though_it_was_recalled_before()
    {
        Grant(s_second, s_file);
        var first = Begin(1, s_first, s_file).OfType<LeaseEffect.SendRecall>().Single();

        Begin(2, s_first, s_file).ShouldNotContain(new LeaseEffect.MayChange(2));
        Step(new LeaseInput.Returned(s_second, first.Recall)).ShouldNotContain(new LeaseEffect.MayChange(2));
    }

    [Fact]
    public void Nothing_is_granted_while_a_file_changes_nor_of_what_was_read_before_it_changed()
    {
        var before = _machine.Clock;
        Begin(1, s_first, s_file);
        Grant(s_second, s_file).ShouldBeFalse();

        Step(new LeaseInput.End(1));

        _machine.TryGrant(_now, s_second, s_file, before).ShouldBeFalse();
        Grant(s_second, s_file).ShouldBeTrue();
    }

    [Fact]
    public void What_the_coordinator_changes_by_itself_is_not_granted_to_who_read_before()
    {
        var before = _machine.Clock;
        _machine.Changed(s_file);

        _machine.TryGrant(_now, s_first, s_file, before).ShouldBeFalse();
        _machine.TryGrant(_now, s_first, s_other, before).ShouldBeTrue();
    }

    [Fact]
    public void What_another_session_took_away_is_not_given_again_at_once()
    {
        Grant(s_second, s_file);
        var recall = Begin(1, s_first, s_file).OfType<LeaseEffect.SendRecall>().Single();
        Step(new LeaseInput.Returned(s_second, recall.Recall));
        Step(new LeaseInput.End(1));

        Grant(s_second, s_file).ShouldBeFalse();
        Pass(TimeSpan.FromSeconds(1));
        Grant(s_second, s_file).ShouldBeTrue();
    }

    [Fact]
    public void A_session_that_let_go_of_all_is_waited_for_by_nobody()
    {
        Grant(s_second, s_file);
        Begin(1, s_first, s_file);

        Step(new LeaseInput.LetGo(s_second)).ShouldContain(new LeaseEffect.MayChange(1));
        _machine.Count.ShouldBe(0);
    }

    [Fact]
    public void A_session_that_ended_without_a_word_is_waited_for_until_its_lease_ends()
    {
        Grant(s_second, s_file);
        Step(new LeaseInput.SessionEnded(s_second));

        var effects = Begin(1, s_first, s_file);

        effects.ShouldNotContain(new LeaseEffect.MayChange(1));
        effects.OfType<LeaseEffect.SendRecall>().ShouldBeEmpty();
        Pass(s_length);
        Step(new LeaseInput.TimerFired()).ShouldContain(new LeaseEffect.MayChange(1));
        Grant(s_second, s_other).ShouldBeFalse();
    }

    [Fact]
    public void After_a_takeover_a_change_waits_for_sessions_that_have_not_come_back()
    {
        var inherited = new SessionId(3);
        Step(new LeaseInput.SessionJoined(inherited, Takes: false, MayHoldUnknown: true));

        Begin(1, s_first, s_file).ShouldNotContain(new LeaseEffect.MayChange(1));
        Step(new LeaseInput.LetGo(inherited)).ShouldContain(new LeaseEffect.MayChange(1));
        Begin(2, s_first, s_file).ShouldContain(new LeaseEffect.MayChange(2));
    }

    [Fact]
    public void After_a_takeover_a_change_waits_no_longer_than_a_lease()
    {
        Step(new LeaseInput.SessionJoined(new SessionId(3), Takes: false, MayHoldUnknown: true));
        Begin(1, s_first, s_file);

        Pass(s_length);

        Step(new LeaseInput.TimerFired()).ShouldContain(new LeaseEffect.MayChange(1));
        Begin(2, s_first, s_file).ShouldContain(new LeaseEffect.MayChange(2));
    }

    [Fact]
    public void A_session_that_does_not_take_leases_gets_none()
    {
        var plain = new SessionId(3);
        Step(new LeaseInput.SessionJoined(plain, Takes: false, MayHoldUnknown: false));

        Grant(plain, s_file).ShouldBeFalse();
    }

    [Fact]
    public void A_length_of_zero_gives_none()
    {
        var none = new AttributeLeaseMachine(TimeSpan.Zero, 0);
        none.Step(_now, new LeaseInput.SessionJoined(s_first, Takes: true, MayHoldUnknown: false), []);

        none.TryGrant(_now, s_first, s_file, none.Clock).ShouldBeFalse();
    }

    [Fact]
    public void A_change_that_ends_before_it_was_allowed_breaks_an_invariant()
    {
        Grant(s_second, s_file);
        Begin(1, s_first, s_file);

        Should.Throw<InvariantBrokenException>(() => Step(new LeaseInput.End(1)));
    }

    [Fact]
    public void So_many_changes_that_they_are_forgotten_count_for_all_that_was_under_way()
    {
        var stamps = new ChangeStamps();
        var before = stamps.Now;
        for (var file = 0; file <= ChangeStamps.FilesMax; file++)
        {
            stamps.Changed(new FileId(new FileReference((ulong)file + 100), 1));
        }

        stamps.IsUnchangedSince(s_file, before).ShouldBeFalse();
        stamps.IsUnchangedSince(s_file, stamps.Now).ShouldBeTrue();
    }

    private void Join(SessionId session) => Step(new LeaseInput.SessionJoined(session, Takes: true, MayHoldUnknown: false));

    private bool Grant(SessionId session, FileId file) => _machine.TryGrant(_now, session, file, _machine.Clock);

    private List<LeaseEffect> Begin(long ticket, SessionId by, FileId file) => Step(new LeaseInput.Begin(ticket, by, [file], []));

    private void Pass(TimeSpan span) => _now += span;

    private List<LeaseEffect> Step(LeaseInput input)
    {
        var effects = new List<LeaseEffect>();
        _machine.Step(_now, input, effects);
        return effects;
    }
}
