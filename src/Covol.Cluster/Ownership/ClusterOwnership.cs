using System.Collections.Concurrent;
using Covol.Cluster.Records;
using Covol.Protocol.Membership;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;

namespace Covol.Cluster.Ownership;

/// <summary>
/// The ownership drivers of all volumes of a cluster on one node: one begins with its volume and ends with it, and each is told
/// what the store and membership say.
/// </summary>
public sealed class ClusterOwnership
{
    /// <summary>Volumes of one cluster that a node takes part in.</summary>
    public const int VolumesMax = 256;

    private readonly OwnershipPorts _ports;
    private readonly ClusterWatch _watch;
    private readonly ConcurrentDictionary<string, Volume> _volumes = new(StringComparer.Ordinal);
    private volatile MembersSeen _members = new(new HashSet<NodeId>(), new HashSet<NodeId>());

    public ClusterOwnership(OwnershipPorts ports, ClusterWatch watch)
    {
        _ports = ports;
        _watch = watch;
    }

    /// <summary>What this node does about each volume. Any thread.</summary>
    public IReadOnlyList<VolumeOwnershipState> States => [.. _volumes.Values.Select(volume => volume.Driver.State)];

    /// <summary>The membership's verdicts, at each change. Any thread.</summary>
    public void SetMembers(IReadOnlyDictionary<NodeId, PeerHealth> peers)
    {
        _members = new MembersSeen(
            peers.Where(peer => peer.Value == PeerHealth.Alive).Select(peer => peer.Key).Append(_ports.Self).ToHashSet(),
            peers.Where(peer => peer.Value == PeerHealth.Dead).Select(peer => peer.Key).ToHashSet());
        foreach (var volume in _volumes.Values)
        {
            volume.Driver.Post(_members);
        }
    }

    /// <summary>Follows the store until cancelled. Coordinator processes go on without it.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var state = ClusterState.Empty;
        try
        {
            while (true)
            {
                var change = _watch.NextAsync(state, ending.Token);
                var failed = await Task.WhenAny(_volumes.Values.Select(volume => volume.Run).Append(change)).ConfigureAwait(false);
                if (failed != change)
                {
                    await failed.ConfigureAwait(false);
                }

                state = await change.ConfigureAwait(false);
                await FollowAsync(state, ending.Token).ConfigureAwait(false);
            }
        }
        finally
        {
            await ending.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(_volumes.Values.Select(volume => volume.Run)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Hands over all volumes that are served here and claims none any more.</summary>
    public Task ShutDownAsync(CancellationToken cancellation) =>
        Task.WhenAll(_volumes.Values.Select(volume => volume.Driver.ShutDownAsync(cancellation)));

    private async Task FollowAsync(ClusterState state, CancellationToken cancellation)
    {
        foreach (var (name, volume) in _volumes)
        {
            // A volume that was made again under the same name is another one.
            if (!state.Volumes.TryGetValue(name, out var record) || record.Record.Number != volume.Driver.Volume.Number)
            {
                volume.Driver.Post(new RecordSeen(state.Revision, null));
                await volume.EndAsync().ConfigureAwait(false);
                _volumes.TryRemove(name, out _);
            }
        }

        foreach (var (name, record) in state.Volumes)
        {
            if (!_volumes.ContainsKey(name) && _volumes.Count < VolumesMax)
            {
                _volumes[name] = Begin(record.Record, cancellation);
            }
        }

        foreach (var (name, volume) in _volumes)
        {
            volume.Tell(state.Evictions.Values);
            volume.Tell(state.Ownerships.GetValueOrDefault(name), state.Moves.GetValueOrDefault(name)?.Record);
        }
    }

    private Volume Begin(VolumeRecord record, CancellationToken cancellation)
    {
        var driver = new VolumeOwnership(record, _ports);
        var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var volume = new Volume(driver, ending, driver.RunAsync(ending.Token));
        driver.Post(_members);
        return volume;
    }

    private sealed class Volume(VolumeOwnership driver, CancellationTokenSource ending, Task run)
    {
        private StoreRevision _told;
        private StoreRevision _evictionsTold;
        private MoveOrder? _order;

        public VolumeOwnership Driver => driver;

        public Task Run => run;

        /// <summary>Before the ownership: a takeover that follows an eviction knows of it when it begins.</summary>
        public void Tell(IEnumerable<Versioned<EvictionRecord>> evictions)
        {
            foreach (var eviction in evictions.Where(eviction => eviction.Revision > _evictionsTold).OrderBy(eviction => eviction.Revision).ToArray())
            {
                _evictionsTold = eviction.Revision;
                driver.Post(new EvictionSeen(eviction.Record.Node, eviction.Record.Incarnation));
            }
        }

        /// <summary>The record first: a release and the end of its order come together.</summary>
        public void Tell(Versioned<OwnershipRecord>? owned, MoveOrder? order)
        {
            if (owned is not null && owned.Revision > _told)
            {
                _told = owned.Revision;
                driver.Post(new RecordSeen(owned.Revision, owned.Record));
            }

            if (order != _order)
            {
                _order = order;
                driver.Post(new MoveOrderSeen(order));
            }
        }

        /// <summary>After the volume was removed: what its driver still does for it ends first.</summary>
        public async Task EndAsync()
        {
            await driver.ShutDownAsync(ending.Token).ConfigureAwait(false);
            await ending.CancelAsync().ConfigureAwait(false);
            await run.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ending.Dispose();
        }
    }
}
