namespace Covol.Lab;

/// <summary>Breaks a lab on purpose, from outside, and mends it.</summary>
public sealed class LabFaults
{
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
        var coordinators = LabProcesses.Of(_directory.Node(node))
            .Where(process => process.Command.Contains(" coordinator --config ", StringComparison.Ordinal))
            .ToArray();
        foreach (var (id, _) in coordinators)
        {
            LabProcesses.Signal(id, Interop.Libc.SignalKill);
        }

        return coordinators.Length;
    }

    /// <summary>Starts a killed node again.</summary>
    public void Restart(int node, IReadOnlyList<string> daemon)
    {
        if (Daemons(node).Count > 0)
        {
            throw new LabException($"node{node} is running. 'covol lab kill node{node}' first.");
        }

        LabUp.Start(_directory, node, daemon);
    }

    private IReadOnlyList<(int Id, string Command)> Daemons(int node) =>
        [.. LabProcesses.Of(_directory.Node(node)).Where(process => process.Command.Contains(" node --config ", StringComparison.Ordinal))];
}
