using System.Text.Json;
using Covol.Api;
using Covol.Api.Configuration;
using Covol.Api.Contracts;

namespace Covol.Lab;

/// <summary>Starts a whole cluster on this machine: etcd, nodes, a LUN file and a volume on it.</summary>
public sealed class LabUp
{
    public const string VolumeName = "Volume1";

    private const int NodesMax = 16;
    private const int VolumePortsPerNode = 8;
    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(90);

    private readonly LabDirectory _directory;
    private readonly IReadOnlyList<string> _daemon;
    private readonly TimeProvider _time;
    private readonly Action<string> _progress;

    /// <param name="directory">Where the lab lives.</param>
    /// <param name="daemon">The command that runs covold, e.g. <c>dotnet covold.dll</c>.</param>
    /// <param name="time">For certificates and deadlines.</param>
    /// <param name="progress">Gets a line for each step.</param>
    public LabUp(LabDirectory directory, IReadOnlyList<string> daemon, TimeProvider time, Action<string> progress)
    {
        _directory = directory;
        _daemon = daemon;
        _time = time;
        _progress = progress;
    }

    /// <summary>
    /// Returns when every node reads and writes the volume. On failure everything it started is ended again and its files are removed,
    /// so that the same command can be tried again; what the nodes logged is kept where the sentence says. A lab that is there and of
    /// which nothing runs (the machine was restarted) is started as it is, and keeps its files whatever happens.
    /// </summary>
    public async Task RunAsync(int nodeCount, long lunBytes, CancellationToken cancellation)
    {
        CheckBefore(nodeCount, lunBytes);
        if (_directory.Exists)
        {
            await StartAgainAsync(cancellation).ConfigureAwait(false);
            return;
        }

        var nodes = Enumerable.Range(1, nodeCount).ToArray();
        var there = Directory.Exists(_directory.Path);
        try
        {
            Prepare(nodes, lunBytes);
            foreach (var node in nodes)
            {
                Start(_directory, node, _daemon);
            }

            _progress($"started {nodeCount} nodes");
            await WaitForNodesAsync(nodes, cancellation).ConfigureAwait(false);
            using var client = NodeClient.OverUnixSocket(_directory.ApiSocket(nodes[0]), TimeSpan.FromMinutes(2));
            _progress($"formatting {_directory.Lun} and adding it as {VolumeName}");
            await client.AddVolumeAsync(new AddVolume(VolumeName, $"file:{_directory.Lun}", Format: true), cancellation).ConfigureAwait(false);
            await WaitForVolumeAsync(client, nodes, cancellation).ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            var kept = KeepLogs(nodes);
            await new LabDown(_directory, _time).RunAsync(removeFiles: true, CancellationToken.None).ConfigureAwait(false);
            if (there)
            {
                Directory.CreateDirectory(_directory.Path);
            }

            if (kept is null || failure is not (LabException or NodeApiException))
            {
                throw;
            }

            throw new LabException($"{failure.Message} The lab is gone again; its logs are in {kept}.", failure);
        }
    }

    /// <summary>Copies what the nodes logged out of the lab's folder. Null: they logged nothing.</summary>
    private string? KeepLogs(IReadOnlyList<int> nodes)
    {
        var target = $"{Path.GetTempPath().TrimEnd('/')}/covol-lab-{Environment.ProcessId}-logs";
        var logs = nodes.Select(node => $"{_directory.Node(node)}/log").Where(Directory.Exists).SelectMany(Directory.EnumerateFiles).ToArray();
        foreach (var log in logs)
        {
            var node = Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(log)));
            Directory.CreateDirectory(target);
            File.Copy(log, $"{target}/{node}-{Path.GetFileName(log)}", overwrite: true);
        }

        return logs.Length == 0 ? null : target;
    }

    private async Task StartAgainAsync(CancellationToken cancellation)
    {
        var lab = _directory.Read();
        _progress($"starting the lab in {_directory.Path} again, with its {lab.Nodes.Count} nodes and its volume as they are");
        try
        {
            foreach (var node in lab.Nodes)
            {
                LabMounts.Unmount($"{_directory.Node(node)}/");
                Start(_directory, node, _daemon);
            }

            await WaitForNodesAsync(lab.Nodes, cancellation).ConfigureAwait(false);
            using var client = NodeClient.OverUnixSocket(_directory.ApiSocket(lab.Nodes[0]), TimeSpan.FromMinutes(2));
            await WaitForVolumesAsync(client, cancellation).ConfigureAwait(false);
        }
        catch
        {
            // As it was before: files, and nothing that runs.
            await new LabFaults(_directory, _time).PowerCutAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Starts one node's daemon, which starts the rest.</summary>
    internal static void Start(LabDirectory directory, int node, IReadOnlyList<string> daemon) => LabProcesses.StartDetached(
        $"{directory.Node(node)}/log/node.log",
        directory.Node(node),
        [.. daemon, "node", "--config", directory.Configuration(node)]);

    private void CheckBefore(int nodeCount, long lunBytes)
    {
        if (nodeCount is < 1 or > NodesMax)
        {
            throw new LabException($"A lab has 1 to {NodesMax} nodes, not {nodeCount}.");
        }

        if (lunBytes < 256L << 20)
        {
            throw new LabException("The LUN needs at least 256M.");
        }

        if (_directory.Exists && _directory.Read().Nodes.All(node => LabProcesses.Of(_directory.Node(node)).Count == 0))
        {
            LabRequirements.Machine();
            return;
        }

        LabRequirements.ForNewLab(_directory);
    }

    private void Prepare(IReadOnlyList<int> nodes, long lunBytes)
    {
        Directory.CreateDirectory(_directory.Path);
        LabCertificates.Write(_directory.Certificates, nodes, _time);
        using (var lun = new FileStream(_directory.Lun, FileMode.CreateNew, FileAccess.Write))
        {
            lun.SetLength(lunBytes);
        }

        var perNode = 4 + VolumePortsPerNode;
        var ports = FreePorts.Pick(nodes.Count * perNode);
        var members = nodes.Select((node, index) =>
        {
            var mine = ports.Skip(index * perNode).Take(perNode).ToArray();
            return new MemberConfiguration(node, "127.0.0.1", mine[0], mine[1], mine[2], mine[3], mine[4..]);
        }).ToArray();
        foreach (var node in nodes)
        {
            WriteNode(node, members);
        }

        _directory.Write(new LabFile(nodes, _directory.Lun, VolumeName));
    }

    private void WriteNode(int node, IReadOnlyList<MemberConfiguration> members)
    {
        var folder = _directory.Node(node);
        foreach (var name in (string[])["etc", "state", "run", "log", "ClusterStorage"])
        {
            Directory.CreateDirectory($"{folder}/{name}");
        }

        var configuration = new NodeConfiguration(
            "lab",
            node,
            $"{folder}/state",
            $"{folder}/run",
            $"{folder}/log",
            _directory.NamespaceRoot(node),
            _directory.ApiSocket(node),
            members,
            LabCertificates.Authority(_directory.Certificates),
            LabCertificates.Certificate(_directory.Certificates, node),
            LabCertificates.Key(_directory.Certificates, node),
            "covol-vm");
        File.WriteAllText(
            _directory.Configuration(node),
            JsonSerializer.Serialize(configuration, ConfigurationJson.Default.NodeConfiguration));
    }

    private async Task WaitForNodesAsync(IReadOnlyList<int> nodes, CancellationToken cancellation)
    {
        foreach (var node in nodes)
        {
            using var client = NodeClient.OverUnixSocket(_directory.ApiSocket(node), TimeSpan.FromSeconds(5));
            await Wait.UntilAsync(
                _time,
                s_startLimit,
                async () =>
                {
                    if (LabProcesses.Of(_directory.Node(node)).Count == 0)
                    {
                        throw new LabException($"node{node} ended: {LastLine($"{_directory.Node(node)}/log/node.log")}");
                    }

                    try
                    {
                        var view = await client.GetNodeAsync(cancellation).ConfigureAwait(false);
                        return view.State == "Up" ? null : $"node{node} is {view.State}: {view.Reason}";
                    }
                    catch (NodeApiException failure)
                    {
                        return failure.Message;
                    }
                },
                cancellation).ConfigureAwait(false);
            _progress($"node{node} is up");
        }
    }

    private async Task WaitForVolumeAsync(NodeClient client, IReadOnlyList<int> nodes, CancellationToken cancellation)
    {
        await Wait.UntilAsync(
            _time,
            s_startLimit,
            async () =>
            {
                var states = await client.GetVolumeStatesAsync(cancellation).ConfigureAwait(false);
                var ready = states.Where(state => state is { Volume: VolumeName, State: "Direct" }).Select(state => state.Node).ToArray();
                var missing = nodes.Select(node => $"node{node}").Except(ready).ToArray();
                return missing.Length == 0 ? null : $"{VolumeName} is not there yet on {string.Join(", ", missing)}";
            },
            cancellation).ConfigureAwait(false);
        _progress($"{VolumeName} is on every node");
    }

    /// <summary>What a program said last; covold's own sentence without its name before it.</summary>
    internal static string LastLine(string logFile) =>
        File.Exists(logFile) ? File.ReadLines(logFile).LastOrDefault()?.Replace("covold: ", "", StringComparison.Ordinal) ?? "its log is empty."
            : "it wrote no log.";

    /// <summary>All volumes that the cluster has, which may be none: somebody may have removed the first one.</summary>
    private async Task WaitForVolumesAsync(NodeClient client, CancellationToken cancellation)
    {
        await Wait.UntilAsync(
            _time,
            s_startLimit,
            async () =>
            {
                var states = await client.GetVolumeStatesAsync(cancellation).ConfigureAwait(false);
                return states.FirstOrDefault(state => state.State != "Direct") is { } missing
                    ? $"{missing.Volume} is {missing.State} on {missing.Node}: {missing.Reason}"
                    : null;
            },
            cancellation).ConfigureAwait(false);
        _progress("every volume is on every node");
    }
}
