using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Units;
using Shouldly;
using Xunit;

namespace Covol.Tests.Cluster;

/// <summary>Scenarios of node 1's membership.</summary>
public sealed class MembershipMachineTests
{
    private static readonly NodeId s_one = new(1);
    private static readonly NodeId s_two = new(2);
    private static readonly NodeId s_three = new(3);
    private readonly MembershipMachine _machine = new(s_one, new MembershipSettings { EvictAfter = TimeSpan.FromMilliseconds(1250) });
    private readonly List<MembershipEffect> _effects = [];
    private Moment _now = new(5_000_000_000);

    [Fact]
    public void A_node_that_two_of_three_miss_is_dead_in_about_a_second()
    {
        Configure(s_one, s_two, s_three);
        Beat(2, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));

        Beat(1.5, (s_two, [s_one, s_two]));

        _machine.Peers[s_three].ShouldBe(PeerHealth.Dead);
        _machine.Peers[s_two].ShouldBe(PeerHealth.Alive);
    }

    [Fact]
    public void A_node_whose_process_closed_its_connection_is_dead_sooner()
    {
        Configure(s_one, s_two, s_three);
        Beat(2, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));
        Step(new PeerConnectionLost(s_three));

        Beat(0.75, (s_two, [s_one, s_two]));

        _machine.Peers[s_three].ShouldBe(PeerHealth.Dead);
    }

    [Fact]
    public void A_node_that_another_one_still_hears_is_only_suspected()
    {
        Configure(s_one, s_two, s_three);
        Beat(2, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));
        Step(new LeasesSeen(Set(s_one, s_two)));

        Beat(30, (s_two, [s_one, s_two, s_three]));

        _machine.Peers[s_three].ShouldBe(PeerHealth.Suspected);
    }

    [Fact]
    public void Of_two_nodes_the_lease_breaks_the_tie()
    {
        Configure(s_one, s_two);
        Step(new LeasesSeen(Set(s_one, s_two)));
        Beat(2, (s_two, [s_one, s_two]));
        Beat(5);
        _machine.Peers[s_two].ShouldBe(PeerHealth.Suspected);

        Step(new LeaseRenewed(_now));
        Step(new LeasesSeen(Set(s_one)));

        _machine.Peers[s_two].ShouldBe(PeerHealth.Dead);
    }

    [Fact]
    public void Losing_the_store_alone_changes_nothing()
    {
        Configure(s_one, s_two, s_three);
        Step(new LeaseRenewed(_now));
        Beat(2, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));
        _effects.Clear();

        Beat(120, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));

        _effects.ShouldAllBe(effect => effect is SendHeartbeats);
    }

    [Fact]
    public void Losing_the_peers_and_the_store_starts_the_local_deadline_counted_from_the_last_sign()
    {
        Configure(s_one, s_two, s_three);
        Step(new LeaseRenewed(_now));
        Beat(2, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));
        var lastSign = _now;

        Beat(5);
        var began = _effects.OfType<IsolationBegan>().ShouldHaveSingleItem();
        began.Deadline.ShouldBeLessThanOrEqualTo(lastSign + TimeSpan.FromSeconds(10));
        _effects.OfType<IsolationExpired>().ShouldBeEmpty();
        Beat(6);

        _effects.OfType<IsolationExpired>().ShouldHaveSingleItem();
        _machine.Peers.Values.ShouldAllBe(health => health == PeerHealth.Suspected);
    }

    [Fact]
    public void A_sign_of_the_store_ends_the_isolation()
    {
        Configure(s_one, s_two);
        Beat(2, (s_two, [s_one, s_two]));
        Beat(3);
        _effects.OfType<IsolationBegan>().ShouldHaveSingleItem();

        Step(new LeaseRenewed(_now));

        _effects.OfType<IsolationEnded>().ShouldHaveSingleItem();
    }

    [Fact]
    public void A_node_that_slept_itself_listens_before_it_accuses()
    {
        Configure(s_one, s_two, s_three);
        Beat(2, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));
        _now += TimeSpan.FromSeconds(20);

        Step(new MembershipTick());
        Beat(0.5);

        _machine.Peers.Values.ShouldAllBe(health => health == PeerHealth.Alive);
    }

    [Fact]
    public void A_node_that_announced_its_restart_is_not_dead_at_once()
    {
        Configure(s_one, s_two, s_three);
        Beat(2, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));
        Step(new HeartbeatReceived(s_three, Set(s_one, s_two, s_three), IsRestarting: true));
        Step(new PeerConnectionLost(s_three));

        Beat(10, (s_two, [s_one, s_two]));
        _machine.Peers[s_three].ShouldBe(PeerHealth.Alive);
        Beat(7, (s_two, [s_one, s_two]));

        _machine.Peers[s_three].ShouldBe(PeerHealth.Dead);
    }

    [Fact]
    public void A_dead_node_that_is_heard_again_is_alive()
    {
        Configure(s_one, s_two, s_three);
        Beat(2, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));
        Beat(2, (s_two, [s_one, s_two]));

        Beat(0.25, (s_two, [s_one, s_two]), (s_three, [s_three]));

        _machine.Peers[s_three].ShouldBe(PeerHealth.Alive);
    }

    [Fact]
    public void A_node_that_was_never_heard_gets_time_to_start_and_then_the_lease_decides()
    {
        Configure(s_one, s_two, s_three);
        Step(new LeasesSeen(Set(s_one, s_two)));
        Step(new LeaseRenewed(_now));
        Beat(3, (s_two, [s_one, s_two]));
        _machine.Peers[s_three].ShouldBe(PeerHealth.Unknown);

        Beat(3, (s_two, [s_one, s_two]));

        _machine.Peers[s_three].ShouldBe(PeerHealth.Dead);
    }

    [Fact]
    public void A_node_that_stays_dead_is_evicted_once()
    {
        LoseThree();

        Beat(60, (s_two, [s_one, s_two]));
        _effects.OfType<EvictPeer>().ShouldHaveSingleItem().Peer.ShouldBe(s_three);
        Step(new EvictionAnswered(s_three, EvictionOutcome.Recorded));
        Beat(60, (s_two, [s_one, s_two]));

        _effects.OfType<EvictPeer>().ShouldHaveSingleItem();
    }

    [Fact]
    public void A_node_that_is_heard_again_soon_after_the_verdict_is_not_evicted()
    {
        LoseThree();

        Beat(0.75, (s_two, [s_one, s_two]));
        Beat(60, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));

        _effects.OfType<EvictPeer>().ShouldBeEmpty();
    }

    [Fact]
    public void A_node_that_comes_back_and_dies_again_is_evicted_again()
    {
        LoseThree();
        Beat(3, (s_two, [s_one, s_two]));
        Step(new EvictionAnswered(s_three, EvictionOutcome.Recorded));
        Beat(2, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));

        Beat(4, (s_two, [s_one, s_two]));

        _effects.OfType<EvictPeer>().Count().ShouldBe(2);
    }

    [Fact]
    public void Who_has_come_into_the_minority_since_evicts_nobody()
    {
        LoseThree();
        _machine.Peers[s_three].ShouldBe(PeerHealth.Dead);

        Beat(60);

        _effects.OfType<EvictPeer>().ShouldBeEmpty();
    }

    [Fact]
    public void Of_two_nodes_the_one_that_holds_its_lease_evicts_the_other_when_that_has_none()
    {
        Configure(s_one, s_two);
        Step(new LeasesSeen(Set(s_one, s_two)));
        Beat(2, (s_two, [s_one, s_two]));
        Step(new LeasesSeen(Set(s_one)));

        Renewing(4);

        _effects.OfType<EvictPeer>().ShouldHaveSingleItem().Peer.ShouldBe(s_two);
    }

    [Fact]
    public void A_dead_node_that_another_one_hears_again_is_not_evicted()
    {
        LoseThree();

        Beat(60, (s_two, [s_one, s_two, s_three]));

        _machine.Peers[s_three].ShouldBe(PeerHealth.Dead);
        _effects.OfType<EvictPeer>().ShouldBeEmpty();
    }

    [Fact]
    public void A_node_that_slept_itself_listens_before_it_acts_on_a_verdict_of_before()
    {
        LoseThree();
        _now += TimeSpan.FromSeconds(20);

        Step(new MembershipTick());
        Beat(0.5, (s_two, [s_one, s_two]));
        _effects.OfType<EvictPeer>().ShouldBeEmpty();
        Beat(60, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));

        _effects.OfType<EvictPeer>().ShouldBeEmpty();
    }

    [Theory]
    [InlineData(EvictionOutcome.NotKnown)]
    [InlineData(EvictionOutcome.Outdated)]
    public void What_was_not_settled_is_asked_for_again_when_the_node_has_stayed_dead_as_long_again(EvictionOutcome outcome)
    {
        LoseThree();
        Beat(3, (s_two, [s_one, s_two]));
        _effects.OfType<EvictPeer>().ShouldHaveSingleItem();

        Step(new EvictionAnswered(s_three, outcome));
        Beat(1, (s_two, [s_one, s_two]));
        _effects.OfType<EvictPeer>().ShouldHaveSingleItem();
        Beat(1, (s_two, [s_one, s_two]));

        _effects.OfType<EvictPeer>().Count().ShouldBe(2);
    }

    private static HashSet<NodeId> Set(params NodeId[] nodes) => [.. nodes];

    private void Configure(params NodeId[] members) => Step(new MembersConfigured(Set(members)));

    /// <summary>Node 3 falls silent; the verdict has just fallen.</summary>
    private void LoseThree()
    {
        Configure(s_one, s_two, s_three);
        Beat(2, (s_two, [s_one, s_two, s_three]), (s_three, [s_one, s_two, s_three]));
        for (var eighth = 0; eighth < 24 && _machine.Peers[s_three] != PeerHealth.Dead; eighth++)
        {
            Beat(0.25, (s_two, [s_one, s_two]));
        }

        _machine.Peers[s_three].ShouldBe(PeerHealth.Dead);
    }

    /// <summary>Time passes in which only the store answers.</summary>
    private void Renewing(int seconds)
    {
        for (var second = 0; second < seconds; second++)
        {
            Step(new LeaseRenewed(_now));
            Beat(1);
        }
    }

    /// <summary>So many seconds pass, with a tick each eighth and heartbeats each quarter of a second.</summary>
    private void Beat(double seconds, params (NodeId From, NodeId[] Hears)[] heartbeats)
    {
        for (var eighth = 0; eighth < seconds * 8; eighth++)
        {
            _now += TimeSpan.FromMilliseconds(125);
            Step(new MembershipTick());
            if (eighth % 2 == 1)
            {
                foreach (var (from, hears) in heartbeats)
                {
                    Step(new HeartbeatReceived(from, Set(hears), IsRestarting: false));
                }
            }
        }
    }

    private void Step(MembershipInput input) => _machine.Step(_now, input, _effects);
}
