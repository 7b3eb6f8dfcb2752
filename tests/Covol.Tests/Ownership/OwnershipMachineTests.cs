using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;
using Covol.Protocol.Units;
using Shouldly;
using Xunit;

namespace Covol.Tests.Ownership;

/// <summary>Scenarios of one machine; node 2 is the one that is looked at.</summary>
public sealed class OwnershipMachineTests
{
    private static readonly NodeId s_one = new(1);
    private static readonly NodeId s_two = new(2);
    private static readonly NodeId s_three = new(3);
    private static readonly string[] s_endpoints = ["unix:/run/a", "tcp:127.0.0.1:1"];
    private readonly OwnershipMachine _machine = new("Volume1", s_two, new OwnershipSettings());
    private readonly ReservationKey _old = Key(1);
    private readonly ReservationKey _mine = Key(2);
    private Moment _now = new(1_000_000_000);

    [Fact]
    public void A_dead_owners_volume_is_taken_over_in_the_order_that_keeps_one_writer()
    {
        Begin(Owned(s_one, _old, 6), dead: [s_one]);

        _machine.Stage.ShouldBe(OwnershipStage.Allocating);
        Step(new KeyAllocated(_mine)).ShouldContain(new StartStandby(_mine));
        var claim = Step(Reported(_mine, CoordinatorPhase.Standby)).OfType<WriteRecord>().ShouldHaveSingleItem();
        claim.Expected.ShouldBe(new StoreRevision(10));
        claim.Record.Key.ShouldBe(_mine);
        claim.Record.Epoch.ShouldBe(new Epoch(7));
        claim.Record.KeysToFence.ShouldBe([_old]);
        var activate = Step(new RecordSeen(new StoreRevision(11), claim.Record)).OfType<Activate>().ShouldHaveSingleItem();
        activate.KeysToFence.ShouldBe([_old]);
        Step(new WriteAnswered(true)).OfType<WriteRecord>().ShouldBeEmpty();
        var publish = Step(Reported(_mine, CoordinatorPhase.Grace)).OfType<WriteRecord>().ShouldHaveSingleItem();
        publish.Record.Answers.ShouldBeTrue();
        publish.Record.Endpoints.ShouldBe(s_endpoints);
        publish.Record.KeysToFence.ShouldBeEmpty();
        Step(new RecordSeen(new StoreRevision(12), publish.Record)).ShouldContain(new Attach(publish.Record));
    }

    [Fact]
    public void A_living_or_doubtful_owner_keeps_its_volume()
    {
        Begin(Owned(s_one, _old, 6), dead: []);
        After(60).ShouldBeEmpty();

        Step(new MembersSeen(Set(s_two), Set()));

        After(60).ShouldBeEmpty();
        _machine.Stage.ShouldBe(OwnershipStage.Waiting);
    }

    [Fact]
    public void A_claim_that_another_won_costs_the_key()
    {
        BringToClaim();

        var effects = Step(new RecordSeen(new StoreRevision(11), Owned(s_three, Key(9), 7)));

        effects.ShouldContain(new StopCoordinator(_mine));
        effects.OfType<Activate>().ShouldBeEmpty();
        _machine.Key.ShouldBeNull();
    }

    [Fact]
    public void A_claim_without_an_answer_is_repeated_word_by_word()
    {
        var claim = BringToClaim();
        Step(new WriteAnswered(null)).OfType<WriteRecord>().ShouldBeEmpty();

        var again = After(1).OfType<WriteRecord>().ShouldHaveSingleItem();

        again.Expected.ShouldBe(claim.Expected);
        again.Record.Epoch.ShouldBe(claim.Record.Epoch);
        again.Record.Key.ShouldBe(claim.Record.Key);
    }

    [Fact]
    public void A_coordinator_whose_epoch_is_over_is_ended()
    {
        Serve();

        var effects = Step(new RecordSeen(new StoreRevision(20), Owned(s_three, Key(9), 8)));

        effects.ShouldContain(new StopCoordinator(_mine));
        _machine.Stage.ShouldBe(OwnershipStage.Waiting);
    }

    [Fact]
    public void A_crashed_coordinator_is_started_again_in_place_under_a_new_key_and_fences_the_old_one()
    {
        Serve();

        Step(new CoordinatorEnded(_mine, "signal 11")).ShouldContain(effect => effect is AllocateKey);
        Step(new KeyAllocated(Key(3)));
        var claim = Step(Reported(Key(3), CoordinatorPhase.Standby)).OfType<WriteRecord>().ShouldHaveSingleItem();

        claim.Record.Epoch.ShouldBe(new Epoch(8));
        claim.Record.KeysToFence.ShouldBe([_mine]);
    }

    [Fact]
    public void A_planned_move_drains_releases_to_its_target_and_ends_the_order()
    {
        Serve();

        Step(new MoveOrderSeen(new MoveOrder("Volume1", s_three))).ShouldContain(new HandOver(_mine));
        Step(Reported(_mine, CoordinatorPhase.HandingOver)).OfType<WriteRecord>().ShouldBeEmpty();
        var release = Step(new CoordinatorEnded(_mine, "handed over")).OfType<WriteRecord>().ShouldHaveSingleItem();

        release.Record.Owner.ShouldBeNull();
        release.Record.HandOverTo.ShouldBe(s_three);
        release.Record.Epoch.ShouldBe(new Epoch(7));
        release.DeletesMoveOrder.ShouldBeTrue();
    }

    [Fact]
    public void A_planned_move_waits_for_the_end_of_grace_and_a_while_in_which_waiting_requests_are_served()
    {
        Serve(throughGrace: false);

        Step(new MoveOrderSeen(new MoveOrder("Volume1", s_three))).ShouldBeEmpty();
        After(60).ShouldBeEmpty();
        Step(Reported(_mine, CoordinatorPhase.Serving)).ShouldBe([new SetTimer(_now + TimeSpan.FromSeconds(1))]);

        After(1).ShouldContain(new HandOver(_mine));
    }

    [Fact]
    public void A_node_that_stops_hands_over_without_waiting_for_the_end_of_grace()
    {
        Serve(throughGrace: false);

        Step(new ShutdownOrdered()).ShouldContain(new HandOver(_mine));
    }

    [Fact]
    public void The_target_of_a_move_has_a_standby_ready_and_claims_only_after_the_release()
    {
        var owned = Owned(s_one, _old, 6);
        Begin(owned, dead: []);

        Step(new MoveOrderSeen(new MoveOrder("Volume1", s_two))).ShouldContain(effect => effect is AllocateKey);
        Step(new KeyAllocated(_mine));
        Step(Reported(_mine, CoordinatorPhase.Standby)).OfType<WriteRecord>().ShouldBeEmpty();
        _machine.Stage.ShouldBe(OwnershipStage.Standby);
        var released = owned with { Owner = null, Answers = false, HandOverTo = s_two };

        Step(new RecordSeen(new StoreRevision(11), released)).OfType<WriteRecord>().ShouldHaveSingleItem()
            .Record.Key.ShouldBe(_mine);
    }

    [Fact]
    public void A_move_to_a_node_that_is_in_doubt_waits()
    {
        Serve();
        Step(new MembersSeen(Set(s_one, s_two), Set()));

        Step(new MoveOrderSeen(new MoveOrder("Volume1", s_three))).ShouldBeEmpty();

        Step(new MembersSeen(Set(s_one, s_two, s_three), Set())).ShouldContain(new HandOver(_mine));
    }

    [Fact]
    public void A_volume_that_is_taken_offline_is_claimed_by_nobody_until_it_is_ordered_to_a_node()
    {
        var offline = Owned(s_one, _old, 6) with { Owner = null, Answers = false, Offline = true };
        Begin(offline, dead: [s_one]);
        After(600).ShouldBeEmpty();

        Step(new MoveOrderSeen(new MoveOrder("Volume1", s_two))).ShouldContain(effect => effect is AllocateKey);
    }

    [Fact]
    public void A_coordinator_that_an_earlier_control_plane_left_is_taken_over_as_it_runs()
    {
        Step(new Started(_mine, CoordinatorPhase.Serving, s_endpoints));

        var effects = Step(new RecordSeen(new StoreRevision(10), Owned(s_two, _mine, 6)));

        effects.Where(effect => effect is StopCoordinator or AllocateKey or WriteRecord).ShouldBeEmpty();
        _machine.Stage.ShouldBe(OwnershipStage.Serving);
    }

    [Fact]
    public void A_volume_that_does_not_start_here_is_given_to_another_node()
    {
        Begin(Owned(s_two, _old, 6), dead: []);
        WriteRecord? release = null;
        for (var attempt = 2; release is null && attempt < 10; attempt++)
        {
            After(11);
            Step(new KeyAllocated(Key(attempt)));
            release = Step(new CoordinatorEnded(Key(attempt), "no LUN")).OfType<WriteRecord>().FirstOrDefault();
        }

        release.ShouldNotBeNull().Record.Owner.ShouldBeNull();
        Step(new RecordSeen(new StoreRevision(11), release.Record));
        Step(new WriteAnswered(true));
        After(5).ShouldNotContain(effect => effect is AllocateKey);
    }

    [Fact]
    public void A_shutdown_hands_over_and_claims_no_more()
    {
        Serve();

        Step(new ShutdownOrdered()).ShouldContain(new HandOver(_mine));
        var release = Step(new CoordinatorEnded(_mine, "handed over")).OfType<WriteRecord>().ShouldHaveSingleItem();
        Step(new RecordSeen(new StoreRevision(20), release.Record));

        After(600).ShouldBeEmpty();
        _machine.Key.ShouldBeNull();
    }

    [Fact]
    public void The_coordinator_of_a_takeover_is_told_of_the_eviction_as_soon_as_its_epoch_is_won()
    {
        var claim = BringToClaim();
        Step(new EvictionSeen(s_one, 5)).ShouldBeEmpty();

        Step(new RecordSeen(new StoreRevision(11), claim.Record)).ShouldContain(new TellEviction(_mine, s_one, 5));

        // What it has been told already or is being told is not told again; a later eviction is.
        Step(new EvictionSeen(s_one, 5)).OfType<TellEviction>().ShouldBeEmpty();
        Step(new EvictionTold(_mine, s_one, 5, Done: true)).OfType<TellEviction>().ShouldBeEmpty();
        Step(new EvictionSeen(s_one, 4)).OfType<TellEviction>().ShouldBeEmpty();
        Step(new EvictionSeen(s_one, 6)).ShouldContain(new TellEviction(_mine, s_one, 6));
    }

    [Fact]
    public void A_coordinator_that_could_not_be_told_of_an_eviction_is_told_again()
    {
        Serve();
        Step(new EvictionSeen(s_three, 2)).ShouldContain(new TellEviction(_mine, s_three, 2));

        Step(new EvictionTold(_mine, s_three, 2, Done: false)).OfType<TellEviction>().ShouldBeEmpty();
        After(1).ShouldContain(new TellEviction(_mine, s_three, 2));
        Step(new EvictionTold(_mine, s_three, 2, Done: true));

        After(60).OfType<TellEviction>().ShouldBeEmpty();
    }

    [Fact]
    public void A_later_eviction_that_came_while_the_coordinator_was_being_told_is_told_after_it()
    {
        Serve();
        Step(new EvictionSeen(s_three, 2)).ShouldContain(new TellEviction(_mine, s_three, 2));
        Step(new EvictionSeen(s_three, 9)).OfType<TellEviction>().ShouldBeEmpty();

        Step(new EvictionTold(_mine, s_three, 2, Done: true)).ShouldContain(new TellEviction(_mine, s_three, 9));
    }

    [Fact]
    public void A_new_coordinator_process_is_told_of_every_eviction_anew()
    {
        Serve();
        Step(new EvictionSeen(s_three, 2));
        Step(new EvictionTold(_mine, s_three, 2, Done: true));
        var again = Key(3);

        Step(new CoordinatorEnded(_mine, "it crashed")).ShouldContain(new AllocateKey());
        Step(new KeyAllocated(again));
        var claim = Step(Reported(again, CoordinatorPhase.Standby)).OfType<WriteRecord>().Single();
        var won = Step(new RecordSeen(new StoreRevision(13), claim.Record));

        won.ShouldContain(new TellEviction(again, s_three, 2));
        Step(new EvictionTold(_mine, s_three, 2, Done: true)).OfType<TellEviction>().ShouldBeEmpty();
    }

    [Fact]
    public void A_coordinator_that_an_earlier_control_plane_left_is_told_of_evictions_too()
    {
        Step(new Started(_mine, CoordinatorPhase.Serving, s_endpoints));

        Step(new EvictionSeen(s_three, 2)).ShouldContain(new TellEviction(_mine, s_three, 2));
    }

    private static ReservationKey Key(long attempt) => KeyLayout.CoordinatorKey(1, s_two, 1, attempt);

    private static OwnershipRecord Owned(NodeId owner, ReservationKey key, long epoch) =>
        new("Volume1", new Epoch(epoch), owner, key, [], true, s_endpoints, null, false);

    private static HashSet<NodeId> Set(params NodeId[] nodes) => [.. nodes];

    private static CoordinatorReported Reported(ReservationKey key, CoordinatorPhase phase) => new(key, phase, s_endpoints);

    private void Begin(OwnershipRecord record, NodeId[] dead)
    {
        Step(Started.WithoutCoordinator);
        Step(new MembersSeen(Set([.. new[] { s_one, s_two, s_three }.Except(dead)]), Set(dead)));
        Step(new RecordSeen(new StoreRevision(10), record));
    }

    private WriteRecord BringToClaim()
    {
        Begin(Owned(s_one, _old, 6), dead: [s_one]);
        After(1);
        Step(new KeyAllocated(_mine));
        return Step(Reported(_mine, CoordinatorPhase.Standby)).OfType<WriteRecord>().Single();
    }

    private void Serve(bool throughGrace = true)
    {
        var claim = BringToClaim();
        Step(new RecordSeen(new StoreRevision(11), claim.Record));
        Step(new WriteAnswered(true));
        var publish = Step(Reported(_mine, CoordinatorPhase.Grace)).OfType<WriteRecord>().Single();
        Step(new RecordSeen(new StoreRevision(12), publish.Record));
        Step(new WriteAnswered(true));
        Step(new MembersSeen(Set(s_one, s_two, s_three), Set()));
        if (throughGrace)
        {
            Step(Reported(_mine, CoordinatorPhase.Serving));
            After(1);
        }

        _machine.Stage.ShouldBe(OwnershipStage.Serving);
    }

    private List<OwnershipEffect> After(int seconds)
    {
        _now += TimeSpan.FromSeconds(seconds);
        return Step(new TimerFired());
    }

    private List<OwnershipEffect> Step(OwnershipInput input)
    {
        var effects = new List<OwnershipEffect>();
        _machine.Step(_now, input, effects);
        return effects;
    }
}
