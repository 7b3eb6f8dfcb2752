using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Membership;

// Who is alive, as one node sees it.
//
//              heartbeat                     missed 4 heartbeats, or its connection broke
//   Unknown ──────────────►  Alive  ─────────────────────────────────────────────────────► Suspected
//                             ▲  ▲                        heartbeat                            │ │
//                             │  └─────────────────────────────────────────────────────────────┘ │
//                             │ heartbeat                          nobody whom I hear hears it, and
//                             │                                    we are a majority of the members,
//                           Dead ◄──────────────────────────────── or its lease is gone (the tie-breaker)
//
// A peer that somebody else still hears is never dead: one broken network between two nodes costs nothing. The store's lease
// decides only where the nodes that miss a peer are no majority (two nodes of four, one of two). "Lease still there" is no proof
// of life and "store lost" is no proof of death: without a store and without a majority a peer stays suspected, and nothing that
// runs stops. A verdict is no fence: it only lets an ownership machine claim, and the LUN keeps two writers apart if it was wrong.
//
// Who stays dead for a while is evicted, which does cost it something. That needs more than the verdict: whoever asks for it is, at
// that moment, on the side of the majority (or knows from the store, whose lease it holds itself, that the peer's lease is gone), and
// has listened all the time since: a node that slept finds old verdicts in its memory, and they are worth nothing. The driver then
// writes a record, which a node cut off from the store cannot; nothing is fenced before that record is there.

/// <summary>
/// Membership of one node. Pure and single-threaded. After a pause of this very process (its ticks came late) it does not accuse
/// anybody before it has listened for one more round: its own deafness is no evidence.
/// </summary>
public sealed class MembershipMachine
{
    private readonly NodeId _self;
    private readonly MembershipSettings _settings;
    private readonly Dictionary<NodeId, Peer> _peers = [];
    private IReadOnlySet<NodeId>? _leases;
    private Moment? _lastTick;
    private Moment _nextHeartbeat;
    private Moment? _renewedAt;
    private Moment? _isolationEnds;
    private Moment _listensSince;
    private bool _isExpired;

    public MembershipMachine(NodeId self, MembershipSettings settings)
    {
        _self = self;
        _settings = settings;
    }

    /// <summary>The verdicts on all other members.</summary>
    public IReadOnlyDictionary<NodeId, PeerHealth> Peers => _peers.ToDictionary(peer => peer.Key, peer => peer.Value.Health);

    /// <summary>Takes one input and adds what is to be done to <paramref name="effects"/>.</summary>
    public void Step(Moment now, MembershipInput input, List<MembershipEffect> effects)
    {
        var before = Peers;
        NoticeOwnPause(now);
        Take(now, input, effects);
        Judge(now, effects);
        WatchIsolation(now, effects);
        Evict(now, effects);
        if (now >= _nextHeartbeat)
        {
            _nextHeartbeat = now + _settings.Heartbeat;
            effects.Add(new SendHeartbeats(Heard()));
        }

        var after = Peers;
        if (after.Count != before.Count || after.Any(peer => !before.TryGetValue(peer.Key, out var was) || was != peer.Value))
        {
            effects.Add(new MembershipChanged(after));
        }
    }

    private void Take(Moment now, MembershipInput input, List<MembershipEffect> effects)
    {
        switch (input)
        {
            case MembersConfigured configured:
                Configure(now, configured);
                break;
            case HeartbeatReceived heartbeat when _peers.TryGetValue(heartbeat.From, out var peer):
                peer.HeardAt = now;
                peer.Hears = heartbeat.Hears;
                peer.IsConnected = true;
                peer.IsExcusedUntil = heartbeat.IsRestarting ? now + _settings.RestartAllowance : null;
                Set(now, heartbeat.From, PeerHealth.Alive, "it is heard", effects);
                break;
            case HeartbeatReceived:
                // Not a member (any more): its word counts for nothing.
                break;
            case PeerConnectionLost lost:
                if (_peers.TryGetValue(lost.Peer, out var closed))
                {
                    closed.IsConnected = false;
                }

                break;
            case LeasesSeen seen:
                _leases = seen.Nodes;
                break;
            case LeaseRenewed renewed:
                _renewedAt = renewed.SentAt;
                break;
            case EvictionAnswered answered:
                if (_peers.TryGetValue(answered.Peer, out var evicted) && evicted.Eviction == Eviction.Asked)
                {
                    var isSettled = answered.Outcome is EvictionOutcome.Recorded or EvictionOutcome.NothingToEvict;
                    evicted.Eviction = isSettled ? Eviction.Settled : Eviction.None;
                    evicted.DeadSince = now;
                }

                break;
            case MembershipTick:
                break;
            default:
                throw new InvalidOperationException($"{input.GetType().Name} is not an input of membership.");
        }
    }

    private void Configure(Moment now, MembersConfigured configured)
    {
        foreach (var left in _peers.Keys.Where(node => !configured.Members.Contains(node)).ToArray())
        {
            _peers.Remove(left);
        }

        foreach (var node in configured.Members.Where(node => node != _self))
        {
            _peers.TryAdd(node, new Peer { HeardAt = now });
        }
    }

    private void NoticeOwnPause(Moment now)
    {
        if (_lastTick is not { } last || now - last > _settings.Heartbeat * 2)
        {
            _listensSince = now;
        }

        _lastTick = now;
    }

    private void Judge(Moment now, List<MembershipEffect> effects)
    {
        foreach (var (node, peer) in _peers)
        {
            if (peer.Health is PeerHealth.Dead || now < peer.IsExcusedUntil)
            {
                continue;
            }

            var since = peer.HeardAt > _listensSince ? peer.HeardAt : _listensSince;
            var isSilent = now >= since + Patience(peer);
            if (peer.Health is PeerHealth.Alive && (isSilent || !peer.IsConnected))
            {
                Set(now, node, PeerHealth.Suspected, isSilent ? "its heartbeats are missing" : "its connection broke", effects);
            }

            if (isSilent && Verdict(node) is { } reason)
            {
                Set(now, node, PeerHealth.Dead, reason, effects);
            }
        }
    }

    private TimeSpan Patience(Peer peer) => peer.Health switch
    {
        PeerHealth.Unknown => _settings.StartPatience,
        _ when peer.IsConnected => _settings.Silence,
        _ => _settings.Heartbeat * 2,
    };

    /// <summary>Why a silent peer counts as dead; null: it does not.</summary>
    private string? Verdict(NodeId node)
    {
        if (IsHeardByAny(node))
        {
            return null;
        }

        if (IsMajority && _peers[node].Health != PeerHealth.Unknown)
        {
            return $"{Heard().Count} of {_peers.Count + 1} nodes miss it";
        }

        // After a start with nobody heard yet, or without a majority: the store's lease is the tie-breaker.
        return _leases is { } leases && _isolationEnds is null && !leases.Contains(node)
            ? "nobody hears it and its lease has ended"
            : null;
    }

    private void WatchIsolation(Moment now, List<MembershipEffect> effects)
    {
        if (_peers.Count == 0 || (_renewedAt is null && _peers.Values.All(peer => peer.Health == PeerHealth.Unknown)))
        {
            return;
        }

        var hasPeer = _peers.Values.Any(peer => peer.Health == PeerHealth.Alive);
        if (hasPeer || HasStore(now))
        {
            if (_isolationEnds is not null)
            {
                _isolationEnds = null;
                _isExpired = false;
                effects.Add(new IsolationEnded());
            }
        }
        else if (_isolationEnds is not { } ends)
        {
            // Counted from the last sign of life, which for the store is when its renewal was sent.
            var last = _peers.Values.Max(peer => peer.HeardAt);
            last = _renewedAt is { } sent && sent > last ? sent : last;
            _isolationEnds = last + _settings.IsolationLimit;
            effects.Add(new IsolationBegan(_isolationEnds.Value));
        }
        else if (now >= ends && !_isExpired)
        {
            _isExpired = true;
            effects.Add(new IsolationExpired());
        }
    }

    private bool IsHeardByAny(NodeId node) =>
        _peers.Values.Any(peer => peer.Health == PeerHealth.Alive && peer.Hears.Contains(node));

    /// <summary>This node and those it hears are more than half of all members.</summary>
    private bool IsMajority => (_peers.Values.Count(peer => peer.Health == PeerHealth.Alive) + 1) * 2 > _peers.Count + 1;

    private bool HasStore(Moment now) => _renewedAt is { } renewed && now < renewed + _settings.Lease;

    private void Evict(Moment now, List<MembershipEffect> effects)
    {
        foreach (var (node, peer) in _peers)
        {
            if (peer.Health != PeerHealth.Dead || peer.Eviction != Eviction.None || IsHeardByAny(node))
            {
                continue;
            }

            var since = peer.DeadSince > _listensSince ? peer.DeadSince : _listensSince;
            var mayJudge = IsMajority || (HasStore(now) && _leases is { } leases && !leases.Contains(node));
            if (mayJudge && now >= since + _settings.EvictAfter)
            {
                peer.Eviction = Eviction.Asked;
                effects.Add(new EvictPeer(node, peer.Reason));
            }
        }
    }

    private void Set(Moment now, NodeId node, PeerHealth health, string reason, List<MembershipEffect> effects)
    {
        var peer = _peers[node];
        if (peer.Health != health)
        {
            peer.Health = health;
            peer.Reason = reason;
            if (health == PeerHealth.Dead)
            {
                peer.DeadSince = now;
                peer.Eviction = Eviction.None;
            }

            effects.Add(new PeerReported(node, health, reason));
        }
    }

    private HashSet<NodeId> Heard() =>
        [.. _peers.Where(peer => peer.Value.Health == PeerHealth.Alive).Select(peer => peer.Key), _self];

    private enum Eviction
    {
        None,
        Asked,

        /// <summary>It is on record, or there is nothing to evict. Not asked for again before the peer was heard.</summary>
        Settled,
    }

    private sealed class Peer
    {
        public PeerHealth Health { get; set; }

        public Moment HeardAt { get; set; }

        public bool IsConnected { get; set; }

        public Moment? IsExcusedUntil { get; set; }

        /// <summary>Why its health is what it is.</summary>
        public string Reason { get; set; } = "";

        public Moment DeadSince { get; set; }

        public Eviction Eviction { get; set; }

        public IReadOnlySet<NodeId> Hears { get; set; } = new HashSet<NodeId>();
    }
}
