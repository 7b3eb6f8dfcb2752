using System.Reflection;
using Covol.Api;
using Covol.Api.Configuration;
using Covol.Api.Contracts;
using Covol.Cluster.Records;
using Covol.Node.Http;
using Covol.Node.Volumes;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Store;

namespace Covol.Node;

/// <summary>Answers the API's questions from the mirror and, where only they know, from the peers.</summary>
internal sealed class ClusterQueries
{
    private const string NoFencing = "fencing is off (--no-fencing): nothing on the LUN stops a node that was given up";

    private static readonly TimeSpan s_peerLimit = TimeSpan.FromSeconds(3);

    private readonly NodeConfiguration _configuration;
    private readonly ClusterWatch _watch;
    private readonly PeerClients _peers;
    private readonly MountRole _mount;

    public ClusterQueries(NodeConfiguration configuration, ClusterWatch watch, PeerClients peers, MountRole mount)
    {
        _configuration = configuration;
        _watch = watch;
        _peers = peers;
        _mount = mount;
    }

    public NodeId Self => new(_configuration.Node);

    /// <summary>How this node is.</summary>
    public NodeView Node()
    {
        var snapshot = _watch.Current;
        var missing = WhatIsMissing(snapshot);
        return View(snapshot, Self, missing is null ? "Up" : "Joining", missing ?? "");
    }

    /// <summary>The whole cluster; peers that do not answer are Unreachable or Down.</summary>
    public async Task<ClusterView> ClusterAsync(CancellationToken cancellation)
    {
        var snapshot = _watch.Current;
        var nodes = await Task.WhenAll(
            _configuration.Members.Select(member => AskNodeAsync(snapshot, new NodeId(member.Node), cancellation))).ConfigureAwait(false);
        var volumes = Volumes();
        var reasons = nodes.Where(node => node.State != "Up").Select(node => $"{node.Node} is {node.State}: {node.Reason}")
            .Concat(volumes.Where(volume => volume.State != "Online").Select(volume => $"{volume.Volume} is {volume.State}: {volume.Reason}"))
            .ToArray();
        var up = nodes.Count(node => node.State == "Up");
        var state = reasons.Length == 0 ? "Healthy" : up * 2 > nodes.Length ? "Degraded" : "NoQuorum";
        return new ClusterView(_configuration.Cluster, state, reasons, nodes, volumes);
    }

    public IReadOnlyList<VolumeView> Volumes()
    {
        var snapshot = _watch.Current;
        return [.. snapshot.Volumes.Values.Select(volume => Volume(snapshot, volume.Record))];
    }

    /// <summary>How this node reaches its volumes.</summary>
    public async Task<IReadOnlyList<VolumeStateView>> LocalStatesAsync(CancellationToken cancellation)
    {
        var snapshot = _watch.Current;
        var mounted = await _mount.MountedAsync(cancellation).ConfigureAwait(false);
        return
        [
            .. snapshot.Volumes.Keys.Select(name =>
                State(snapshot, name, Self, mounted.FirstOrDefault(volume => volume.Volume == name), "it is not attached here yet")),
        ];
    }

    /// <summary>How every node reaches every volume.</summary>
    public async Task<IReadOnlyList<VolumeStateView>> StatesAsync(CancellationToken cancellation)
    {
        var all = await Task.WhenAll(_configuration.Members.Select(member => StatesOfAsync(new NodeId(member.Node), cancellation)))
            .ConfigureAwait(false);
        return [.. all.SelectMany(states => states)];
    }

    private async Task<IReadOnlyList<VolumeStateView>> StatesOfAsync(NodeId node, CancellationToken cancellation)
    {
        if (node == Self)
        {
            return await LocalStatesAsync(cancellation).ConfigureAwait(false);
        }

        try
        {
            return await AskAsync(node, client => client.GetLocalVolumeStatesAsync(cancellation), cancellation).ConfigureAwait(false);
        }
        catch (NodeApiException failure)
        {
            var snapshot = _watch.Current;
            return [.. snapshot.Volumes.Keys.Select(name => State(snapshot, name, node, null, failure.Message))];
        }
    }

    private async Task<NodeView> AskNodeAsync(ClusterState snapshot, NodeId node, CancellationToken cancellation)
    {
        if (node == Self)
        {
            return Node();
        }

        try
        {
            return await AskAsync(node, client => client.GetNodeAsync(cancellation), cancellation).ConfigureAwait(false);
        }
        catch (NodeApiException failure)
        {
            return View(snapshot, node, snapshot.Lives.ContainsKey(node.Value) ? "Unreachable" : "Down", failure.Message);
        }
    }

    private async Task<T> AskAsync<T>(NodeId node, Func<NodeClient, Task<T>> ask, CancellationToken cancellation)
    {
        try
        {
            return await ask(_peers.Node(node.Value)).WaitAsync(s_peerLimit, cancellation).ConfigureAwait(false);
        }
        catch (TimeoutException failure)
        {
            throw new NodeApiException($"{node} did not answer within {s_peerLimit.TotalSeconds:0} s.", failure);
        }
    }

    private string? WhatIsMissing(ClusterState snapshot) => snapshot switch
    {
        { Cluster: null } => "the cluster store has not answered yet",
        _ when !snapshot.Lives.ContainsKey(Self.Value) => "it has not joined the cluster store yet",
        _ when !_mount.IsReady => "its mount process is not there yet",
        _ => null,
    };

    private NodeView View(ClusterState snapshot, NodeId node, string state, string reason) => new(
        node.ToString(),
        state,
        reason,
        _configuration.Members.FirstOrDefault(member => member.Node == node.Value)?.Address ?? "",
        state == "Up" || node == Self ? Version : "",
        [.. snapshot.Ownerships.Values.Where(owned => owned.Record.Owner == node).Select(owned => owned.Record.Volume).Order(StringComparer.Ordinal)],
        [
            .. snapshot.Machines.Values
                .Where(machine => machine.Record.Node == node)
                .Where(machine => machine.Record.State is not (VirtualMachineState.Stopped or VirtualMachineState.Failed))
                .Select(machine => machine.Record.Definition.Name).Order(StringComparer.Ordinal),
        ]);

    private static VolumeView Volume(ClusterState snapshot, VolumeRecord volume)
    {
        var owned = snapshot.Ownerships.TryGetValue(volume.Name, out var found) ? found.Record : null;
        var (state, reason) = owned switch
        {
            { Answers: true } => ("Online", volume.NoFencing ? NoFencing : ""),
            { Owner: { } owner } => ("Pending", $"{owner} prepares to coordinate it"),
            _ => ("Pending", "no node coordinates it yet"),
        };
        return new VolumeView(
            volume.Name, volume.LunUri, owned?.Owner?.ToString() ?? "", owned?.Epoch.Value ?? 0, state, reason, !volume.NoFencing);
    }

    private static VolumeStateView State(ClusterState snapshot, string volume, NodeId node, MountedVolume? mounted, string whyNot)
    {
        var owner = snapshot.Ownerships.TryGetValue(volume, out var owned) ? owned.Record.Owner?.ToString() ?? "" : "";
        return mounted is null
            ? new VolumeStateView(volume, node.ToString(), owner, 0, nameof(VolumeRouteState.Unavailable), whyNot, 0, 0)
            : new VolumeStateView(
                volume,
                node.ToString(),
                owner,
                mounted.Epoch.Value,
                mounted.State.ToString(),
                mounted.Reason.Length == 0 && snapshot.Volumes.TryGetValue(volume, out var known) && known.Record.NoFencing
                    ? NoFencing
                    : mounted.Reason,
                mounted.DirectBytes,
                mounted.RedirectedBytes,
                mounted.Process is { } use ? new DataPathView(use.Collections, use.ProcessorMicroseconds) : null);
    }

    private static string Version { get; } =
        typeof(ClusterQueries).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
}
