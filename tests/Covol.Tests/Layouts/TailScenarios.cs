using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Shouldly;
using Xunit;

namespace Covol.Tests.Layouts;

public sealed class TailScenarios
{
    private static readonly FileId s_file = new(new FileReference(64, 1), 1);
    private static readonly FileId s_other = new(new FileReference(65, 1), 1);
    private static readonly SessionId s_holder = new(1);
    private static readonly SessionId s_second = new(2);
    private static readonly LayoutGeneration s_generation = new(7);

    private readonly TailMachine _machine = new(new LayoutTimes());
    private Moment _now = new(0);

    [Fact]
    public void A_file_has_one_tail_at_a_time()
    {
        _machine.MayClaim(_now, s_file).ShouldBeTrue();
        Claim(s_file);

        _machine.MayClaim(_now, s_file).ShouldBeFalse();
        _machine.MayClaim(_now, s_other).ShouldBeTrue();
        Should.Throw<InvariantBrokenException>(() => Claim(s_file));
    }

    [Fact]
    public void Who_looks_at_a_file_without_a_tail_waits_for_nobody() =>
        Step(new TailInput.Look(s_file, 1)).ShouldContain(new TailEffect.Answered(s_file, 1));

    [Fact]
    public void A_look_asks_the_holder_and_ends_when_it_told()
    {
        Claim(s_file);

        Step(new TailInput.Look(s_file, 1)).ShouldContain(new TailEffect.AskHolder(s_holder, s_file, s_generation, 1, IsLast: false));
        Step(new TailInput.Told(s_file, 1)).ShouldContain(new TailEffect.Answered(s_file, 1));

        _machine.HolderOf(s_file).ShouldBe(s_holder);
    }

    [Fact]
    public void What_was_told_before_a_look_does_not_answer_it()
    {
        Claim(s_file);
        Step(new TailInput.Look(s_file, 1));
        Step(new TailInput.Look(s_file, 2));

        var effects = Step(new TailInput.Told(s_file, 1));

        effects.ShouldContain(new TailEffect.Answered(s_file, 1));
        effects.ShouldNotContain(new TailEffect.Answered(s_file, 2));
        Step(new TailInput.Told(s_file, 0)).OfType<TailEffect.Answered>().ShouldBeEmpty();
    }

    [Fact]
    public void A_change_ends_with_the_tail_only()
    {
        Claim(s_file);

        Step(new TailInput.End(s_file, s_holder, 1)).ShouldContain(new TailEffect.AskHolder(s_holder, s_file, s_generation, 1, IsLast: true));
        Step(new TailInput.Told(s_file, 1)).OfType<TailEffect.Answered>().ShouldBeEmpty();
        Step(new TailInput.Ended(s_file)).ShouldContain(new TailEffect.Answered(s_file, 1));

        _machine.IsClaimed(s_file).ShouldBeFalse();
    }

    [Fact]
    public void The_end_of_a_tail_answers_who_looks_too()
    {
        Claim(s_file);
        Step(new TailInput.Look(s_file, 1));

        Step(new TailInput.Ended(s_file)).ShouldContain(new TailEffect.Answered(s_file, 1));
    }

    [Fact]
    public void A_holder_that_does_not_answer_is_asked_again_then_fenced_but_keeps_what_it_has_to_tell()
    {
        Claim(s_file);
        Step(new TailInput.Look(s_file, 1));

        var asked = Advance(TimeSpan.FromMilliseconds(500));
        asked.ShouldContain(new TailEffect.AskHolder(s_holder, s_file, s_generation, 1, IsLast: false));
        asked.OfType<TailEffect.FenceHolder>().ShouldBeEmpty();
        var late = Advance(TimeSpan.FromSeconds(5));

        late.OfType<TailEffect.FenceHolder>().ShouldHaveSingleItem().Session.ShouldBe(s_holder);
        Advance(TimeSpan.FromSeconds(5)).OfType<TailEffect.FenceHolder>().ShouldBeEmpty();
        _machine.Counts(s_file, s_holder, s_generation).ShouldBeTrue();
        Step(new TailInput.Told(s_file, 1)).ShouldContain(new TailEffect.Answered(s_file, 1));
    }

    [Fact]
    public void A_file_that_somebody_else_writes_to_at_its_end_gets_no_tail_for_a_while()
    {
        Claim(s_file);
        Step(new TailInput.End(s_file, s_second, 1));
        Step(new TailInput.Ended(s_file));

        _machine.MayClaim(_now, s_file).ShouldBeFalse();
        _now += TimeSpan.FromSeconds(10);
        _machine.MayClaim(_now, s_file).ShouldBeTrue();
    }

    [Fact]
    public void A_holder_that_used_its_tail_up_gets_the_next_at_once()
    {
        Claim(s_file);
        Step(new TailInput.End(s_file, s_holder, 1, IsUsedUp: true));
        Step(new TailInput.Ended(s_file));

        _machine.MayClaim(_now, s_file).ShouldBeTrue();
    }

    [Fact]
    public void A_holder_that_ends_its_own_tail_early_gets_none_for_a_moment()
    {
        Claim(s_file);
        Step(new TailInput.End(s_file, s_holder, 1));
        Step(new TailInput.Ended(s_file));

        _machine.MayClaim(_now, s_file).ShouldBeFalse();
        _now += TimeSpan.FromSeconds(2);
        _machine.MayClaim(_now, s_file).ShouldBeTrue();
    }

    [Fact]
    public void While_the_holder_is_telling_nobodys_deadline_runs()
    {
        Claim(s_file);
        Step(new TailInput.Look(s_file, 1));
        Advance(TimeSpan.FromSeconds(4));
        Step(new TailInput.TellingBegan(s_file, s_generation));

        for (var second = 0; second < 30; second++)
        {
            Advance(TimeSpan.FromSeconds(1)).Where(effect => effect is TailEffect.FenceHolder or TailEffect.CutTail).ShouldBeEmpty();
        }

        Step(new TailInput.TellingEnded(s_file, s_generation)).OfType<TailEffect.FenceHolder>().ShouldBeEmpty();
        Advance(TimeSpan.FromMilliseconds(900)).OfType<TailEffect.FenceHolder>().ShouldBeEmpty();
        Advance(TimeSpan.FromMilliseconds(600)).OfType<TailEffect.FenceHolder>().ShouldHaveSingleItem();
    }

    [Fact]
    public void Who_asks_while_the_holder_tells_has_his_whole_time_after_it()
    {
        Claim(s_file);
        Step(new TailInput.TellingBegan(s_file, s_generation));
        Advance(TimeSpan.FromSeconds(20));
        Step(new TailInput.Look(s_file, 1));
        Advance(TimeSpan.FromSeconds(2));
        Step(new TailInput.TellingEnded(s_file, s_generation));

        Advance(TimeSpan.FromMilliseconds(4_900)).OfType<TailEffect.FenceHolder>().ShouldBeEmpty();
        Advance(TimeSpan.FromMilliseconds(600)).OfType<TailEffect.FenceHolder>().ShouldHaveSingleItem();
    }

    [Fact]
    public void A_holder_that_never_tells_loses_its_tail_after_the_limit()
    {
        Claim(s_file);
        Step(new TailInput.Look(s_file, 1));
        Advance(TimeSpan.FromSeconds(14)).OfType<TailEffect.CutTail>().ShouldBeEmpty();
        _machine.IsOverdue(_now, s_file, s_generation).ShouldBeFalse();

        Advance(TimeSpan.FromSeconds(1)).ShouldContain(new TailEffect.CutTail(s_holder, s_file, s_generation));
        _machine.IsOverdue(_now, s_file, s_generation).ShouldBeTrue();
        Step(new TailInput.TellingBegan(s_file, s_generation));

        _machine.IsOverdue(_now, s_file, s_generation).ShouldBeFalse("It tells after all.");
        Step(new TailInput.TellingEnded(s_file, s_generation));
        Advance(TimeSpan.FromSeconds(1)).ShouldContain(new TailEffect.CutTail(s_holder, s_file, s_generation));
    }

    [Fact]
    public void What_an_older_grants_report_does_stops_nobodys_clock()
    {
        Claim(s_file);
        Step(new TailInput.Look(s_file, 1));
        Step(new TailInput.TellingBegan(s_file, new LayoutGeneration(6)));

        Advance(TimeSpan.FromSeconds(5)).OfType<TailEffect.FenceHolder>().ShouldHaveSingleItem();
    }

    [Fact]
    public void What_an_earlier_coordinators_flush_lost_makes_those_files_tails_void_and_no_others()
    {
        Claim(s_file);
        Claim(s_other);

        Step(new TailInput.FlushFailed([s_other]));

        _machine.Counts(s_file, s_holder, s_generation).ShouldBeTrue();
        _machine.Counts(s_other, s_holder, s_generation).ShouldBeFalse();
    }

    [Fact]
    public void After_a_flush_that_failed_nothing_that_was_not_told_counts()
    {
        Claim(s_file);

        Step(new TailInput.FlushFailed());

        _machine.Counts(s_file, s_holder, s_generation).ShouldBeFalse();
        _machine.IsOf(s_file, s_holder, s_generation).ShouldBeTrue();
        Step(new TailInput.Ended(s_file));
        Claim(s_file);
        _machine.Counts(s_file, s_holder, s_generation).ShouldBeTrue();
    }

    [Fact]
    public void What_another_session_or_an_older_grant_tells_does_not_count()
    {
        Claim(s_file);

        _machine.Counts(s_file, s_second, s_generation).ShouldBeFalse();
        _machine.Counts(s_file, s_holder, new LayoutGeneration(6)).ShouldBeFalse();
        _machine.Counts(s_other, s_holder, s_generation).ShouldBeFalse();
    }

    [Fact]
    public void There_are_no_more_tails_than_the_journal_keeps()
    {
        for (var file = 0; file < TailMachine.ClaimsMax; file++)
        {
            Claim(new FileId(new FileReference((ulong)(100 + file), 1), 1));
        }

        _machine.MayClaim(_now, s_file).ShouldBeFalse();
        _machine.ClaimsOf(s_holder).Count.ShouldBe(TailMachine.ClaimsMax);
    }

    private void Claim(FileId file) => Step(new TailInput.Claimed(file, s_holder, s_generation));

    private List<TailEffect> Advance(TimeSpan time)
    {
        _now += time;
        return Step(new TailInput.TimerFired());
    }

    private List<TailEffect> Step(TailInput input)
    {
        var effects = new List<TailEffect>();
        _machine.Step(_now, input, effects);
        return effects;
    }
}
