using Covol.Api;

namespace Covol.Lab;

/// <summary>Ends a lab: nodes first get the chance to end in order, then nothing of it is left.</summary>
public sealed class LabDown
{
    private static readonly TimeSpan s_politeLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_killLimit = TimeSpan.FromSeconds(10);

    private readonly LabDirectory _directory;
    private readonly TimeProvider _time;

    public LabDown(LabDirectory directory, TimeProvider time)
    {
        _directory = directory;
        _time = time;
    }

    /// <summary>Ends every process, unmounts what is left, and removes the lab's files if wanted.</summary>
    public async Task RunAsync(bool removeFiles, CancellationToken cancellation)
    {
        LabRequirements.Root();
        var nodes = Directory.Exists(_directory.Path)
            ? Directory.EnumerateDirectories(_directory.Path, "node*").ToArray()
            : [];
        await Task.WhenAll(nodes.Select(node => AskToStopAsync(node, cancellation))).ConfigureAwait(false);
        try
        {
            await WaitForNoneAsync(nodes, s_politeLimit, cancellation).ConfigureAwait(false);
        }
        catch (LabException)
        {
            await KillAsync(nodes, cancellation).ConfigureAwait(false);
        }

        foreach (var node in nodes)
        {
            LabMounts.Unmount($"{node}/");
        }

        if (removeFiles && Directory.Exists(_directory.Path))
        {
            Directory.Delete(_directory.Path, recursive: true);
        }
        else if (_directory.Exists)
        {
            File.Delete(_directory.File);
        }
    }

    /// <summary>A node that does not answer is ended the hard way afterwards, so a failure here is no failure.</summary>
    private static async Task AskToStopAsync(string nodeFolder, CancellationToken cancellation)
    {
        using var client = NodeClient.OverUnixSocket($"{nodeFolder}/run/node.sock", s_politeLimit);
        try
        {
            await client.StopNodeAsync(cancellation).ConfigureAwait(false);
        }
        catch (NodeApiException)
        {
            foreach (var (id, _) in LabProcesses.Of(nodeFolder))
            {
                LabProcesses.Signal(id, Interop.Libc.SignalTerminate);
            }
        }
    }

    /// <summary>Kills all processes of some nodes, those too that come up meanwhile.</summary>
    internal async Task KillAsync(IReadOnlyList<string> nodeFolders, CancellationToken cancellation) => await Wait.UntilAsync(
        _time,
        s_killLimit,
        () =>
        {
            var left = nodeFolders.SelectMany(LabProcesses.Of).ToArray();
            foreach (var (id, _) in left)
            {
                LabProcesses.Signal(id, Interop.Libc.SignalKill);
            }

            return Task.FromResult(left.Length == 0 ? null : $"{left.Length} processes do not end, the first is {left[0].Id}: {left[0].Command}");
        },
        cancellation).ConfigureAwait(false);

    private async Task WaitForNoneAsync(IReadOnlyList<string> nodeFolders, TimeSpan limit, CancellationToken cancellation) =>
        await Wait.UntilAsync(
            _time,
            limit,
            () => Task.FromResult(nodeFolders.SelectMany(LabProcesses.Of).Any() ? "processes are still running" : null),
            cancellation).ConfigureAwait(false);
}
