namespace Covol.Lab;

/// <summary>Breaks a lab on purpose, from outside, and mends it.</summary>
public sealed class LabFaults
{
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
        if (LabProcesses.Of(_directory.Node(node)).Any(process => process.Command.Contains(" node --config ", StringComparison.Ordinal)))
        {
            throw new LabException($"node{node} is running. 'covol lab kill node{node}' first.");
        }

        LabUp.Start(_directory, node, daemon);
    }
}
