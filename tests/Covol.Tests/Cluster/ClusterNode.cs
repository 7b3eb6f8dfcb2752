using Covol.Cluster.Ownership;
using Covol.Cluster.Records;
using Covol.Cluster.Store;
using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;
using Microsoft.Extensions.Logging.Abstractions;

namespace Covol.Tests.Cluster;

/// <summary>One node's watch and ownership drivers over a shared store, with fake processes and verdicts that a test gives.</summary>
internal sealed class ClusterNode : IAsyncDisposable
{
    private readonly CancellationTokenSource _ending = new();
    private readonly Task[] _runs;
    private bool _hasEnded;

    public ClusterNode(IClusterStore store, StoreKeys keys, ClusterRecord cluster, NodeId self)
    {
        Watch = new ClusterWatch(store, keys);
        Ownership = new ClusterOwnership(
            new OwnershipPorts(
                self,
                store,
                keys,
                new KeyAllocator(store, keys, cluster),
                Coordinators,
                Coordinators,
                new OwnershipSettings(),
                TimeProvider.System,
                NullLoggerFactory.Instance),
            Watch);
        _runs = [Watch.RunAsync(_ending.Token), Ownership.RunAsync(_ending.Token)];
    }

    public FakeCoordinators Coordinators { get; } = new();

    public ClusterWatch Watch { get; }

    public ClusterOwnership Ownership { get; }

    public void SetMembers(params (NodeId Node, PeerHealth Health)[] peers) =>
        Ownership.SetMembers(peers.ToDictionary(peer => peer.Node, peer => peer.Health));

    /// <summary>The control plane's end, in good order or not.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_hasEnded)
        {
            return;
        }

        _hasEnded = true;
        await _ending.CancelAsync();
        await Task.WhenAll(_runs).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ending.Dispose();
    }
}
