using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Shouldly;
using Xunit;

namespace Covol.Tests.Layouts;

public sealed class LayoutScenarios
{
    private static readonly FileId s_file = new(new FileReference(64, 1), 1);
    private static readonly FileId s_other = new(new FileReference(65, 1), 1);
    private static readonly SessionId s_first = new(1);
    private static readonly SessionId s_second = new(2);
    private static readonly ReservationKey s_firstKey = new(0xA1);
    private static readonly ReservationKey s_secondKey = new(0xA2);

    private readonly LayoutMachine _machine = new(new LayoutTimes(), 100);
    private Moment _now = new(0);

    public LayoutScenarios()
    {
        Step(new LayoutInput.SessionJoined(s_first, s_firstKey, MayHoldUnknown: false));
        Step(new LayoutInput.SessionJoined(s_second, s_secondKey, MayHoldUnknown: false));
    }

    [Fact]
    public void Several_sessions_hold_a_file_at_once_under_generations_of_their_own()
    {
        var first = Granted(s_first, s_file);
        var second = Granted(s_second, s_file);

        second.Value.ShouldBeGreaterThan(first.Value);
        first.Value.ShouldBeGreaterThan(100);
        _machine.Count.ShouldBe(2);
    }

    [Fact]
    public void A_grant_stands_until_it_is_recalled_returned_replaced_or_fenced()
    {
        var older = Granted(s_first, s_file);
        var first = Granted(s_first, s_file);
        var second = Granted(s_second, s_file);
        _machine.Standing(s_first, s_file, older).ShouldBeNull();
        _machine.Standing(s_second, s_file, first).ShouldBeNull();
        _machine.Standing(s_first, s_file, first).ShouldNotBeNull();

        Step(new LayoutInput.Recall(s_file, RecallScope.All, 5));
        _machine.Standing(s_first, s_file, first).ShouldBeNull();
        Step(new LayoutInput.Return(s_first, s_file, first));
        Step(new LayoutInput.Return(s_second, s_file, second));
        _machine.Standing(s_first, s_file, first).ShouldBeNull();

        var other = Granted(s_second, s_other);
        Step(new LayoutInput.FenceSession(s_second, "a test"));
        _machine.Standing(s_second, s_other, other).ShouldBeNull();
    }

    [Fact]
    public void A_recall_ends_with_the_last_return()
    {
        var first = Granted(s_first, s_file);
        var second = Granted(s_second, s_file);

        var recalled = Step(new LayoutInput.Recall(s_file, RecallScope.All, 5));
        recalled.OfType<LayoutEffect.SendRecall>().Select(recall => (recall.Session, recall.Generation))
            .ShouldBe([(s_first, first), (s_second, second)]);
        Step(new LayoutInput.Return(s_first, s_file, first)).OfType<LayoutEffect.RecallCompleted>().ShouldBeEmpty();

        Step(new LayoutInput.Return(s_second, s_file, second)).ShouldContain(new LayoutEffect.RecallCompleted(s_file, 5));
    }

    [Fact]
    public void A_return_of_an_older_generation_is_not_the_newer_ones()
    {
        var older = Granted(s_first, s_file);
        Granted(s_first, s_file);
        Step(new LayoutInput.Recall(s_file, RecallScope.All, 5));

        Step(new LayoutInput.Return(s_first, s_file, older)).OfType<LayoutEffect.RecallCompleted>().ShouldBeEmpty();

        _machine.Count.ShouldBe(1);
    }

    [Fact]
    public void A_recall_of_writers_leaves_readers_alone()
    {
        Step(new LayoutInput.Ask(s_first, s_file, LayoutAccess.Read));

        Step(new LayoutInput.Recall(s_file, RecallScope.Writes, 5)).ShouldContain(new LayoutEffect.RecallCompleted(s_file, 5));
    }

    [Fact]
    public void Nothing_is_granted_while_a_file_is_recalled()
    {
        Granted(s_first, s_file);
        Step(new LayoutInput.Recall(s_file, RecallScope.All, 5));

        Step(new LayoutInput.Ask(s_second, s_file, LayoutAccess.Read))[0].ShouldBeOfType<LayoutEffect.Denied>();
        Granted(s_second, s_other);
    }

    [Fact]
    public void A_recall_is_said_again_until_its_deadline_then_the_key_is_fenced()
    {
        Granted(s_first, s_file);
        Step(new LayoutInput.Recall(s_file, RecallScope.All, 5));
        var notices = 0;
        var fences = new List<LayoutEffect.StartFence>();

        for (var tick = 0; tick < 60; tick++)
        {
            var effects = After(TimeSpan.FromMilliseconds(100));
            notices += effects.OfType<LayoutEffect.SendRecall>().Count();
            fences.AddRange(effects.OfType<LayoutEffect.StartFence>());
        }

        notices.ShouldBe(9);
        fences.ShouldHaveSingleItem().DataKey.ShouldBe(s_firstKey);
    }

    [Fact]
    public void Clusters_wait_for_the_fence_and_for_the_end_of_the_lease()
    {
        Granted(s_first, s_file);
        After(TimeSpan.FromSeconds(1));
        Step(new LayoutInput.Renew(s_first));
        Step(new LayoutInput.Recall(s_file, RecallScope.All, 5));
        After(TimeSpan.FromSeconds(5)).OfType<LayoutEffect.StartFence>().Count().ShouldBe(1);

        Step(new LayoutInput.Renew(s_first)).ShouldContain(new LayoutEffect.LeaseRenewed(false));
        Step(new LayoutInput.FenceCompleted(s_first, s_firstKey)).OfType<LayoutEffect.RecallCompleted>().ShouldBeEmpty();
        After(TimeSpan.FromSeconds(4.9)).OfType<LayoutEffect.RecallCompleted>().ShouldBeEmpty();

        After(TimeSpan.FromSeconds(0.1)).ShouldContain(new LayoutEffect.RecallCompleted(s_file, 5));
    }

    [Fact]
    public void The_end_of_the_lease_alone_frees_nothing()
    {
        Granted(s_first, s_file);
        Step(new LayoutInput.Recall(s_file, RecallScope.All, 5));

        After(TimeSpan.FromSeconds(60)).OfType<LayoutEffect.RecallCompleted>().ShouldBeEmpty();

        Step(new LayoutInput.FenceCompleted(s_first, s_firstKey)).ShouldContain(new LayoutEffect.RecallCompleted(s_file, 5));
    }

    [Fact]
    public void A_recall_of_writers_is_over_with_the_fence()
    {
        Granted(s_first, s_file);
        Step(new LayoutInput.Recall(s_file, RecallScope.Writes, 5));
        After(TimeSpan.FromSeconds(5));

        Step(new LayoutInput.FenceCompleted(s_first, s_firstKey)).ShouldContain(new LayoutEffect.RecallCompleted(s_file, 5));
    }

    [Fact]
    public void A_fence_that_failed_is_tried_again()
    {
        Granted(s_first, s_file);
        Step(new LayoutInput.Recall(s_file, RecallScope.All, 5));
        After(TimeSpan.FromSeconds(5));
        Step(new LayoutInput.FenceFailed(s_first, s_firstKey));

        var again = After(TimeSpan.FromSeconds(1));

        again.OfType<LayoutEffect.StartFence>().ShouldHaveSingleItem().DataKey.ShouldBe(s_firstKey);
    }

    [Fact]
    public void A_fence_takes_every_layout_of_the_session()
    {
        Granted(s_first, s_file);
        Granted(s_first, s_other);
        Step(new LayoutInput.FenceSession(s_first, "a test"));
        Step(new LayoutInput.FenceCompleted(s_first, s_firstKey)).ShouldContain(new LayoutEffect.SessionFenced(s_first, Evicted: false));

        Step(new LayoutInput.Ask(s_first, s_file, LayoutAccess.Read))[0].ShouldBeOfType<LayoutEffect.Denied>();
        After(TimeSpan.FromSeconds(10));

        _machine.Count.ShouldBe(0);
        Step(new LayoutInput.SessionJoined(s_first, new ReservationKey(0xB1), MayHoldUnknown: false));
        Granted(s_first, s_file);
    }

    [Fact]
    public void A_session_from_the_journal_may_hold_anything_until_it_has_reclaimed()
    {
        var third = new SessionId(3);
        Step(new LayoutInput.SessionJoined(third, new ReservationKey(0xA3), MayHoldUnknown: true));
        Step(new LayoutInput.Recall(s_file, RecallScope.All, 5)).OfType<LayoutEffect.RecallCompleted>().ShouldBeEmpty();

        Step(new LayoutInput.ReclaimCompleted(third)).ShouldContain(new LayoutEffect.RecallCompleted(s_file, 5));
    }

    [Fact]
    public void Who_has_not_reclaimed_when_grace_ends_is_fenced()
    {
        var third = new SessionId(3);
        var key = new ReservationKey(0xA3);
        Step(new LayoutInput.SessionJoined(third, key, MayHoldUnknown: true));
        Step(new LayoutInput.Recall(s_file, RecallScope.All, 5));

        Step(new LayoutInput.GraceEnded()).OfType<LayoutEffect.StartFence>().ShouldHaveSingleItem().DataKey.ShouldBe(key);
        Step(new LayoutInput.FenceCompleted(third, key)).OfType<LayoutEffect.RecallCompleted>().ShouldBeEmpty();

        After(TimeSpan.FromSeconds(10)).ShouldContain(new LayoutEffect.RecallCompleted(s_file, 5));
    }

    [Fact]
    public void A_reclaimed_layout_keeps_its_generation_and_is_recalled_by_it()
    {
        var third = new SessionId(3);
        Step(new LayoutInput.SessionJoined(third, new ReservationKey(0xA3), MayHoldUnknown: true));
        Step(new LayoutInput.Reclaim(third, s_file, LayoutAccess.ReadWrite, new LayoutGeneration(42)))
            .ShouldContain(new LayoutEffect.Granted(new LayoutGeneration(42)));
        Step(new LayoutInput.ReclaimCompleted(third));

        Step(new LayoutInput.Recall(s_file, RecallScope.All, 5))
            .ShouldContain(new LayoutEffect.SendRecall(third, s_file, new LayoutGeneration(42)));
    }

    [Fact]
    public void A_layout_that_nobody_granted_cannot_be_reclaimed()
    {
        var third = new SessionId(3);
        Step(new LayoutInput.SessionJoined(third, new ReservationKey(0xA3), MayHoldUnknown: true));

        Step(new LayoutInput.Reclaim(third, s_file, LayoutAccess.Read, new LayoutGeneration(1_000)))[0]
            .ShouldBeOfType<LayoutEffect.Denied>();
    }

    [Fact]
    public void An_evicted_session_is_fenced_before_it_is_forgotten()
    {
        Granted(s_first, s_file);

        Step(new LayoutInput.Evict(s_first)).OfType<LayoutEffect.SessionFenced>().ShouldBeEmpty();
        Step(new LayoutInput.FenceCompleted(s_first, s_firstKey)).ShouldContain(new LayoutEffect.SessionFenced(s_first, Evicted: true));
        After(TimeSpan.FromSeconds(10));

        _machine.Count.ShouldBe(0);
        Step(new LayoutInput.Ask(s_first, s_file, LayoutAccess.Read))[0].ShouldBeOfType<LayoutEffect.Denied>();
    }

    [Fact]
    public void Clusters_wait_for_the_lease_that_an_evicted_session_left_to_the_next_coordinator_and_writes_do_not()
    {
        var evicted = new SessionId(3);
        Step(new LayoutInput.LeaseLeft(evicted));
        _machine.MayRead(evicted).ShouldBeTrue();

        Step(new LayoutInput.Recall(s_file, RecallScope.Writes, 4)).ShouldContain(new LayoutEffect.RecallCompleted(s_file, 4));
        Step(new LayoutInput.Recall(s_file, RecallScope.All, 5)).OfType<LayoutEffect.RecallCompleted>().ShouldBeEmpty();
        var early = After(TimeSpan.FromSeconds(9.9));
        early.OfType<LayoutEffect.RecallCompleted>().ShouldBeEmpty();
        early.OfType<LayoutEffect.StartFence>().ShouldBeEmpty();

        var late = After(TimeSpan.FromSeconds(0.1));
        late.ShouldContain(new LayoutEffect.LeaseEnded(evicted));
        late.ShouldContain(new LayoutEffect.RecallCompleted(s_file, 5));
        _machine.MayRead(evicted).ShouldBeFalse();
    }

    private LayoutGeneration Granted(SessionId session, FileId file) =>
        Step(new LayoutInput.Ask(session, file, LayoutAccess.ReadWrite))[0].ShouldBeOfType<LayoutEffect.Granted>().Generation;

    private List<LayoutEffect> After(TimeSpan span)
    {
        _now += span;
        return Step(new LayoutInput.TimerFired());
    }

    private List<LayoutEffect> Step(LayoutInput input)
    {
        var effects = new List<LayoutEffect>();
        _machine.Step(_now, input, effects);
        return effects;
    }
}
