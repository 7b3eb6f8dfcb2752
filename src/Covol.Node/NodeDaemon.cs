using System.Net;
using Covol.Api.Configuration;
using Covol.Cluster.Etcd;
using Covol.Cluster.Membership;
using Covol.Cluster.Ownership;
using Covol.Cluster.Records;
using Covol.Cluster.Store;
using Covol.Node.Eviction;
using Covol.Node.Http;
using Covol.Node.Processes;
using Covol.Node.VirtualMachines;
using Covol.Node.Volumes;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Membership;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;
using Microsoft.Extensions.Logging;

namespace Covol.Node;

/// <summary>
/// The control plane of one node. It starts the others, or finds them running, and can itself be stopped and started at any time: no
/// I/O notices.
/// </summary>
public sealed class NodeDaemon
{
    private static readonly TimeSpan s_storeLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_handOverLimit = TimeSpan.FromSeconds(5);

    /// <summary>Two heartbeats and some; a node without peers does not wait for longer either.</summary>
    private static readonly TimeSpan s_announceLimit = TimeSpan.FromSeconds(2);

    private readonly NodeConfiguration _configuration;
    private readonly ILoggerFactory _logs;
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private readonly DaemonCommand _daemon = DaemonCommand.Own();

    public NodeDaemon(NodeConfiguration configuration, ILoggerFactory logs, TimeProvider time)
    {
        _configuration = configuration;
        _logs = logs;
        _log = logs.CreateLogger<NodeDaemon>();
        _time = time;
    }

    /// <summary>
    /// Runs until cancelled (the peers are told that the control plane restarts, it ends, everything else goes on) or until told to stop the
    /// node (everything ends in order).
    /// </summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        NodeLog.Starts(_log, _configuration.Node, _configuration.Cluster);
        Directory.CreateDirectory(_configuration.StateDirectory);
        Directory.CreateDirectory(_configuration.RunDirectory);
        Directory.CreateDirectory(_configuration.LogDirectory);
        Directory.CreateDirectory(_configuration.NamespaceRoot);

        OwnPorts.CheckFree(OwnMember);
        using var certificates = new NodeCertificates(_configuration);
        using var peers = new PeerClients(_configuration, certificates);
        using var etcd = new EtcdProcess(EtcdSettings.Member(_configuration), _time, _logs.CreateLogger<EtcdProcess>());
        etcd.Start();
        await using var store = new EtcdStore(EtcdSettings.Client(_configuration), _time, _logs.CreateLogger<EtcdStore>());
        var keys = new StoreKeys(_configuration.Cluster);
        await WaitForStoreAsync(etcd, cancellation).ConfigureAwait(false);
        var records = new ClusterRecords(store, keys);
        var cluster = await JoinAsync(records, cancellation).ConfigureAwait(false);
        var watch = new ClusterWatch(store, keys);
        var allocator = new KeyAllocator(store, keys, cluster);
        var eviction = new OwnEviction(
            Self, _configuration.RunDirectory, watch, _time, _logs.CreateLogger<OwnEviction>());
        await eviction.BeginAsync(store, keys, cancellation).ConfigureAwait(false);
        var coordinators = new CoordinatorProcesses(_configuration, _daemon, _time, _logs.CreateLogger<CoordinatorProcesses>());
        using var mount = new MountRole(_configuration, allocator, eviction, _daemon, _time, _logs.CreateLogger<MountRole>());
        var queries = new ClusterQueries(_configuration, watch, peers, mount);
        var volumes = new VolumeOrders(
            records, watch, queries, mount, coordinators, peers, allocator, _daemon, _configuration.NamespaceRoot, _time);
        await using var machines = new VirtualMachineRoles(
            _configuration, store, keys, watch, peers, _time, _logs.CreateLogger<VirtualMachineRoles>());
        var ownership = new ClusterOwnership(
            new OwnershipPorts(
                Self,
                store,
                keys,
                allocator,
                coordinators,
                new VolumeAttachments(mount),
                new OwnershipSettings(),
                _time,
                _logs),
            watch);
        var stopOrdered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await NodeHttpServer.StartAsync(
            _configuration,
            certificates,
            _logs,
            routes =>
            {
                NodeApi.MapCluster(routes, queries, () => stopOrdered.TrySetResult());
                NodeApi.MapVolumes(routes, volumes);
                VirtualMachineApi.Map(routes, machines);
            },
            cancellation).ConfigureAwait(false);

        using var running = new CancellationTokenSource();
        using var peerNetwork = PeerNetwork();
        var membership = Membership(store, keys, watch, peerNetwork);
        var restartOrdered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var restart = cancellation.Register(() => restartOrdered.TrySetResult());
        List<Task> work =
        [
            watch.RunAsync(running.Token),
            membership.RunAsync(ownership.SetMembers, () => NodeLog.Isolated(_log), running.Token),
            mount.RunAsync(running.Token),
            ownership.RunAsync(running.Token),
            AdoptAsync(watch, machines, eviction, EndAllAsync, running.Token),
        ];
        NodeLog.Up(_log, _configuration.Node);

        async Task EndAllAsync(EvictionRecord record, CancellationToken token)
        {
            var machinesEnd = machines.KillAll();
            await coordinators.EndEvictedAsync(token).ConfigureAwait(false);
            await mount.EndEvictedAsync(token).ConfigureAwait(false);
            await machinesEnd(token).ConfigureAwait(false);
        }

        try
        {
            var ended = await Task.WhenAny([.. work, stopOrdered.Task, restartOrdered.Task]).ConfigureAwait(false);
            await ended.ConfigureAwait(false);
            if (restartOrdered.Task.IsCompleted)
            {
                await membership.AnnounceRestartAsync(s_announceLimit).ConfigureAwait(false);
                NodeLog.Restarts(_log, _configuration.Node);
            }
            else if (stopOrdered.Task.IsCompleted)
            {
                NodeLog.Stops(_log, _configuration.Node);
                await StopNodeAsync(machines, mount, ownership, etcd).ConfigureAwait(false);
            }
        }
        finally
        {
            await running.CancelAsync().ConfigureAwait(false);
            await EndAsync(work).ConfigureAwait(false);
        }
    }

    private NodeId Self => new(_configuration.Node);

    private MemberConfiguration OwnMember => _configuration.Members.First(member => member.Node == _configuration.Node);

    /// <summary>A member that cannot start ends this node too, with a sentence that says why.</summary>
    private async Task WaitForStoreAsync(EtcdProcess etcd, CancellationToken cancellation)
    {
        try
        {
            await etcd.WaitUntilHealthyAsync(s_storeLimit, cancellation).ConfigureAwait(false);
        }
        catch (StoreUnavailableException failure)
        {
            if (etcd.ProcessId is null)
            {
                OwnPorts.CheckStoreFree(OwnMember);
            }

            throw new NodeException(failure.Message, failure);
        }
    }

    private PeerNetwork PeerNetwork()
    {
        var tls = new TlsFiles(_configuration.Authority, _configuration.Certificate, _configuration.Key);
        var listen = new IPEndPoint(IPAddress.Parse(OwnMember.Address), OwnMember.HeartbeatPort);
        return new PeerNetwork(listen, tls, _time, _logs.CreateLogger<PeerNetwork>());
    }

    private ClusterMembership Membership(EtcdStore store, StoreKeys keys, ClusterWatch watch, IPeerNetwork network) => new(
        Self, new MembershipSettings(), store, keys, watch, network, _time, _logs.CreateLogger<ClusterMembership>());

    /// <summary>Only the cancellation we asked for is expected here; anything else is the daemon's failure.</summary>
    private static async Task EndAsync(List<Task> work)
    {
        try
        {
            await Task.WhenAll(work).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Asked for just before.
        }
    }

    /// <summary>Finds what runs here, then sees to it that it does not outlive an eviction of this node.</summary>
    private static async Task AdoptAsync(
        ClusterWatch watch,
        VirtualMachineRoles machines,
        OwnEviction eviction,
        Func<EvictionRecord, CancellationToken, Task> endAll,
        CancellationToken cancellation)
    {
        await watch.WaitAsync(state => state.Cluster is not null, cancellation).ConfigureAwait(false);
        await machines.AdoptAsync(cancellation).ConfigureAwait(false);
        await eviction.RunAsync(endAll, cancellation).ConfigureAwait(false);
    }

    /// <summary>Makes the cluster's record if this is its first node, and this member's.</summary>
    private async Task<ClusterRecord> JoinAsync(ClusterRecords records, CancellationToken cancellation)
    {
        var cluster = await records.EnsureClusterAsync(_configuration.Cluster, cancellation).ConfigureAwait(false);
        var self = OwnMember;
        await records.JoinAsync(
            new MemberRecord(
                Self,
                Environment.MachineName,
                [$"tcp:{self.Address}:{self.HeartbeatPort}"],
                $"https://{self.Address}:{self.ApiPort}",
                [EtcdSettings.Client(self).GetLeftPart(UriPartial.Authority)]),
            cancellation).ConfigureAwait(false);
        return cluster;
    }

    private async Task StopNodeAsync(VirtualMachineRoles machines, MountRole mount, ClusterOwnership ownership, EtcdProcess etcd)
    {
        foreach (var (what, limit, step) in (IEnumerable<(string, TimeSpan, Func<CancellationToken, Task>)>)
        [
            ("Stopping the virtual machines", s_stopLimit, machines.StopAllAsync),
            ("Ending the data plane", s_stopLimit, mount.StopAsync),

            // When the whole cluster stops, the last nodes find no quorum to note the release in; the volume is clean all the same.
            ("Handing the volumes over", s_handOverLimit, ownership.ShutDownAsync),
            ("Ending etcd", s_stopLimit, etcd.StopAsync),
        ])
        {
            using var deadline = new CancellationTokenSource(limit, _time);
            try
            {
                await step(deadline.Token).ConfigureAwait(false);
            }
            catch (Exception failure) when (failure is NodeException or StoreUnavailableException or StoreRefusedException
                or OperationCanceledException)
            {
                // The rest must end all the same; what is left is fenced by whoever takes over.
                NodeLog.TriedAgain(_log, what, failure.Message);
            }
        }
    }
}
