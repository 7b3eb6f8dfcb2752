using System.Collections.Concurrent;
using System.Threading.Channels;
using Covol.Cluster.Records;
using Covol.Cluster.Store;
using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Store;
using Microsoft.Extensions.Logging;

namespace Covol.Cluster.Membership;

/// <summary>
/// Drives the membership machine of a node: heartbeats with the peers, the node's own lease in the store, and what the store says
/// of the others' leases.
/// </summary>
public sealed class ClusterMembership
{
    private const int InputsMax = 4096;

    /// <summary>Evictions that wait for the store; each peer has at most one.</summary>
    private const int EvictionsMax = 64;

    /// <summary>So many heartbeats carry the news of a restart: one may be lost with a connection that just breaks.</summary>
    private const int RestartHeartbeats = 2;

    private readonly NodeId _self;
    private readonly MembershipSettings _settings;
    private readonly IClusterStore _store;
    private readonly ClusterRecords _records;
    private readonly StoreKeys _keys;
    private readonly ClusterWatch _watch;
    private readonly IPeerNetwork _network;
    private readonly TimeProvider _time;
    private readonly ILogger<ClusterMembership> _log;
    private readonly MembershipMachine _machine;
    private readonly Channel<MembershipInput> _inputs = Channel.CreateBounded<MembershipInput>(
        new BoundedChannelOptions(InputsMax) { SingleReader = true });

    private volatile IReadOnlyDictionary<NodeId, PeerHealth> _peers = new Dictionary<NodeId, PeerHealth>();
    private readonly Channel<EvictPeer> _evictions = Channel.CreateBounded<EvictPeer>(
        new BoundedChannelOptions(EvictionsMax) { SingleReader = true });

    /// <summary>How much of the store was known when a peer was found dead. Written on the loop.</summary>
    private readonly ConcurrentDictionary<NodeId, StoreRevision> _condemnedAt = new();
    private readonly TaskCompletionSource _restartAnnounced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isRestarting;
    private int _restartHeartbeats;

    public ClusterMembership(
        NodeId self,
        MembershipSettings settings,
        IClusterStore store,
        StoreKeys keys,
        ClusterWatch watch,
        IPeerNetwork network,
        TimeProvider time,
        ILogger<ClusterMembership> log)
    {
        _self = self;
        _settings = settings;
        _store = store;
        _records = new ClusterRecords(store, keys);
        _keys = keys;
        _watch = watch;
        _network = network;
        _time = time;
        _log = log;
        _machine = new MembershipMachine(self, settings);
    }

    /// <summary>The verdicts on the other members. Any thread.</summary>
    public IReadOnlyDictionary<NodeId, PeerHealth> Peers => _peers;

    /// <summary>Drawn at each start of this control plane.</summary>
    public Guid Life { get; } = Guid.NewGuid();

    /// <summary>
    /// The peers are told that this control plane is about to be silent for a moment, so that they do not take the node for dead. Ends when
    /// that has been sent, or the limit is over.
    /// </summary>
    public async Task AnnounceRestartAsync(TimeSpan limit)
    {
        _isRestarting = true;
        await _restartAnnounced.Task.WaitAsync(limit, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>
    /// Runs until cancelled. <paramref name="changed"/> gets the verdicts at each change, <paramref name="isolated"/> is called when
    /// the local deadline has passed and this node must take itself for evicted; both on the loop, briefly.
    /// </summary>
    public async Task RunAsync(
        Action<IReadOnlyDictionary<NodeId, PeerHealth>> changed, Action isolated, CancellationToken cancellation)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task[] parts =
        [
            StepAsync(changed, isolated, ending.Token),
            TickAsync(ending.Token),
            KeepLeaseAsync(ending.Token),
            FollowAsync(ending.Token),
            EvictAsync(ending.Token),
            _network.RunAsync(Post, ending.Token),
        ];
        var first = await Task.WhenAny(parts).ConfigureAwait(false);
        await ending.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(parts).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await first.ConfigureAwait(false);
    }

    private void Post(MembershipInput input)
    {
        // Ticks and heartbeats that this loop cannot take are lost like any datagram; the machine notices its own pause.
        if (!_inputs.Writer.TryWrite(input))
        {
            MembershipLog.InputLost(_log, input.GetType().Name);
        }
    }

    private async Task StepAsync(
        Action<IReadOnlyDictionary<NodeId, PeerHealth>> changed, Action isolated, CancellationToken cancellation)
    {
        var effects = new List<MembershipEffect>();
        await foreach (var input in _inputs.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
        {
            effects.Clear();
            _machine.Step(_time.Now(), input, effects);
            foreach (var effect in effects)
            {
                CarryOut(effect, changed, isolated);
            }
        }
    }

    private void CarryOut(
        MembershipEffect effect, Action<IReadOnlyDictionary<NodeId, PeerHealth>> changed, Action isolated)
    {
        switch (effect)
        {
            case SendHeartbeats send:
                // What was sent with the heartbeat before has left by now.
                var isRestarting = _isRestarting;
                if (isRestarting && ++_restartHeartbeats > RestartHeartbeats)
                {
                    _restartAnnounced.TrySetResult();
                }

                _network.Send(new Heartbeat(_self, [.. send.Hears], isRestarting));
                break;
            case MembershipChanged verdicts:
                _peers = verdicts.Peers;
                changed(verdicts.Peers);
                break;
            case PeerReported report:
                if (report.Health == PeerHealth.Dead)
                {
                    _condemnedAt[report.Peer] = _watch.Current.Revision;
                }

                MembershipLog.Reported(_log, report.Peer.Value, report.Health, report.Reason);
                break;
            case EvictPeer evict:
                if (!_evictions.Writer.TryWrite(evict))
                {
                    Post(new EvictionAnswered(evict.Peer, EvictionOutcome.NotKnown));
                }

                break;
            case IsolationBegan began:
                MembershipLog.IsolationBegan(_log, (began.Deadline - _time.Now()).TotalSeconds);
                break;
            case IsolationEnded:
                MembershipLog.IsolationEnded(_log);
                break;
            case IsolationExpired:
                MembershipLog.IsolationExpired(_log);
                isolated();
                break;
            default:
                throw new InvalidOperationException($"{effect.GetType().Name} is not carried out.");
        }
    }

    /// <summary>Beside the loop: a store that does not answer must not stop the heartbeats.</summary>
    private async Task EvictAsync(CancellationToken cancellation)
    {
        await foreach (var evict in _evictions.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
        {
            try
            {
                var (outcome, record) = await _records
                    .EvictAsync(evict.Peer, _self, evict.Reason, _condemnedAt[evict.Peer], cancellation).ConfigureAwait(false);
                if (record is not null)
                {
                    MembershipLog.Evicted(_log, evict.Peer.Value, record.Incarnation, record.Number, evict.Reason);
                }
                else if (outcome == EvictionOutcome.Outdated)
                {
                    // From here on its silence counts against the life that it has now.
                    _condemnedAt[evict.Peer] = _watch.Current.Revision;
                }

                Post(new EvictionAnswered(evict.Peer, outcome));
            }
            catch (Exception failure) when (failure is StoreUnavailableException or StoreRefusedException)
            {
                // Without the record nothing is fenced: whoever cannot reach the store's quorum evicts nobody.
                MembershipLog.EvictionNotRecorded(_log, evict.Peer.Value, failure.Message);
                Post(new EvictionAnswered(evict.Peer, EvictionOutcome.NotKnown));
            }
        }
    }

    private async Task TickAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(_settings.Heartbeat / 2, _time);
        while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false))
        {
            Post(new MembershipTick());
        }
    }

    private async Task KeepLeaseAsync(CancellationToken cancellation)
    {
        StoreLease? lease = null;
        using var timer = new PeriodicTimer(_settings.Lease / 4, _time);
        do
        {
            try
            {
                // Counted from before the request left, so that a slow answer never stretches the lease.
                var sent = _time.Now();
                if (lease is { } held && !await _store.KeepLeaseAsync(held, cancellation).ConfigureAwait(false))
                {
                    lease = null;
                }

                lease ??= await TakeLeaseAsync(cancellation).ConfigureAwait(false);
                Post(new LeaseRenewed(sent));
            }
            catch (Exception failure) when (failure is StoreUnavailableException or StoreRefusedException)
            {
                MembershipLog.LeaseNotRenewed(_log, failure.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(cancellation).ConfigureAwait(false));
    }

    private async Task<StoreLease> TakeLeaseAsync(CancellationToken cancellation)
    {
        var lease = await _store.GrantLeaseAsync(_settings.Lease, cancellation).ConfigureAwait(false);
        var life = StoreJson.Write(new MemberLifeRecord(_self, Life));
        await _store.CommitAsync(new StoreTransaction([], [new StorePut(_keys.Life(_self), life, lease)]), cancellation)
            .ConfigureAwait(false);
        return lease;
    }

    private async Task FollowAsync(CancellationToken cancellation)
    {
        var state = ClusterState.Empty;
        while (true)
        {
            state = await _watch.NextAsync(state, cancellation).ConfigureAwait(false);
            Post(new MembersConfigured(state.Nodes.Append(_self).ToHashSet()));
            Post(new LeasesSeen(state.Lives.Keys.Select(node => new NodeId(node)).ToHashSet()));
            _network.SetPeers([.. state.Members.Values.Select(member => member.Record).Where(member => member.Node != _self)]);
        }
    }
}
