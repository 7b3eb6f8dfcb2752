using Covol.Api;

namespace Covol.Lab;

/// <summary>Breaks a lab on purpose, from outside, and mends it.</summary>
public sealed class LabFaults
{
    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_askLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_killLimit = TimeSpan.FromSeconds(10);

    private readonly LabDirectory _directory;
    private readonly TimeProvider _time;

    public LabFaults(LabDirectory directory, TimeProvider time)
    {
        _directory = directory;
        _time = time;
    }

    /// <summary>Kills every process of a node at once, as a power cut would; its mounts are gone afterwards.</summary>
    public async Task KillNodeAsync(int node, CancellationToken cancellation)
    {
        LabRequirements.Root();
        await new LabDown(_directory, _time).KillAsync([_directory.Node(node)], cancellation).ConfigureAwait(false);
        LabMounts.Unmount($"{_directory.Node(node)}/");
    }

    /// <summary>Kills every process of every node at once; all mounts are gone afterwards. Only files are left.</summary>
    public async Task PowerCutAsync(CancellationToken cancellation)
    {
        var nodes = _directory.Read().Nodes.Select(_directory.Node).ToArray();
        await new LabDown(_directory, _time).KillAsync(nodes, cancellation).ConfigureAwait(false);
        foreach (var node in nodes)
        {
            LabMounts.Unmount($"{node}/");
        }
    }

    /// <summary>Kills a node's control plane and nothing else: mounts, coordinators and guests run on.</summary>
    public async Task KillDaemonAsync(int node, CancellationToken cancellation) => await Wait.UntilAsync(
        _time,
        s_killLimit,
        () =>
        {
            var daemons = Daemons(node);
            foreach (var (id, _) in daemons)
            {
                LabProcesses.Signal(id, Interop.Libc.SignalKill);
            }

            return Task.FromResult(daemons.Count == 0 ? null : $"node{node}'s daemon does not end");
        },
        cancellation).ConfigureAwait(false);

    /// <summary>Kills the coordinator processes of a node and nothing else. Returns how many there were.</summary>
    public int KillCoordinator(int node)
    {
        LabRequirements.Root();
        var coordinators = LabProcesses.Of(_directory.Node(node))
            .Where(process => process.Command.Contains(" coordinator --config ", StringComparison.Ordinal))
            .ToArray();
        foreach (var (id, _) in coordinators)
        {
            LabProcesses.Signal(id, Interop.Libc.SignalKill);
        }

        return coordinators.Length;
    }

    /// <summary>
    /// Starts a killed node again. Returns true when it is up, false when it runs but has to wait for others (etcd needs more than half
    /// of the members). When it cannot start, nothing of it is left running.
    /// </summary>
    public async Task<bool> RestartAsync(int node, IReadOnlyList<string> daemon, CancellationToken cancellation)
    {
        LabRequirements.Root();
        if (IsRunning(node))
        {
            throw new LabException($"node{node} is running. 'covol lab kill node{node}' first.");
        }

        var nodes = _directory.Read().Nodes;
        var enough = (nodes.Count(IsRunning) + 1) * 2 > nodes.Count;
        LabUp.Start(_directory, node, daemon);
        using var client = NodeClient.OverUnixSocket(_directory.ApiSocket(node), s_askLimit, $"node{node}");
        try
        {
            await Wait.UntilAsync(
                _time,
                s_startLimit,
                async () =>
                {
                    if (!IsRunning(node))
                    {
                        throw new LabException($"node{node} did not start: {LabUp.LastLine($"{_directory.Node(node)}/log/node.log")}");
                    }

                    return enough
                        ? await WhyNotUpAsync(client, node, cancellation).ConfigureAwait(false)
                        : StoreRuns(node) ? null : $"etcd of node{node} does not run yet";
                },
                cancellation).ConfigureAwait(false);
            return enough;
        }
        catch
        {
            await KillNodeAsync(node, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<string?> WhyNotUpAsync(NodeClient client, int node, CancellationToken cancellation)
    {
        try
        {
            var view = await client.GetNodeAsync(cancellation).ConfigureAwait(false);
            return view.State == "Up" ? null : $"node{node} is {view.State}: {view.Reason}";
        }
        catch (NodeApiException failure)
        {
            return failure.Message;
        }
    }

    private bool IsRunning(int node) => Daemons(node).Count > 0;

    private IReadOnlyList<(int Id, string Command)> Daemons(int node) =>
        [.. LabProcesses.Of(_directory.Node(node)).Where(process => process.Command.Contains(" node --config ", StringComparison.Ordinal))];

    private bool StoreRuns(int node) =>
        LabProcesses.Of(_directory.Node(node)).Any(process => process.Command.Contains("/etcd ", StringComparison.Ordinal));
}
