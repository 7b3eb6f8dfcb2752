using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Covol.IntegrationTests.Lab;
using Covol.IntegrationTests.Support;
using Xunit;

namespace Covol.IntegrationTests.Cluster;

/// <summary>A lab of three nodes of which some are frozen, ended and started again, by their process ids.</summary>
public sealed class RestartLab : IAsyncLifetime
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    public string Directory { get; } = $"/tmp/covol-restart-{Environment.ProcessId}";

    public string Volume(int node) => $"{Directory}/node{node}/ClusterStorage/Volume1";

    public string Log(int node) => File.ReadAllText($"{Directory}/node{node}/log/node.log");

    public async Task InitializeAsync()
    {
        if (((string[])[Machine.Root, Machine.Fuse, "etcd", "mkntfs"]).All(need => Machine.Missing(need) is null))
        {
            await CovolCommand.RunAsync(Directory, "lab", "up", "--size", "512M");
        }
    }

    public async Task DisposeAsync()
    {
        if (File.Exists($"{Directory}/lab.json"))
        {
            foreach (var node in (int[])[1, 2, 3])
            {
                await SignalAsync("CONT", Processes(node).Select(process => process.Id));
            }

            await CovolCommand.RunAsync(Directory, "lab", "down");
        }
    }

    /// <summary>Every process of a node, found by the variable that all inherit from its daemon.</summary>
    public IReadOnlyList<(int Id, string Command)> Processes(int node)
    {
        var found = new List<(int, string)>();
        foreach (var folder in System.IO.Directory.EnumerateDirectories("/proc"))
        {
            try
            {
                if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id)
                    && File.ReadAllText($"{folder}/environ").Split('\0').Contains($"COVOL_NODE_DIRECTORY={Directory}/node{node}"))
                {
                    found.Add((id, File.ReadAllText($"{folder}/cmdline").Replace('\0', ' ')));
                }
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // It ended meanwhile, or is nobody's business.
            }
        }

        return found;
    }

    /// <summary>The one process of a node whose command line has these words.</summary>
    public int ProcessOf(int node, string words) =>
        Processes(node).Where(process => process.Command.Contains(words, StringComparison.Ordinal)).Select(process => process.Id).Single();

    public static Task SignalAsync(string signal, IEnumerable<int> processes) => CovolCommand.ProgramAsync(
        "/bin/sh", ["-c", "s=$1; shift; kill -s $s \"$@\" 2>/dev/null; true", "sh", signal, .. processes.Select(id => $"{id}")]);

    public async Task<JsonElement> AskAsync(int node, params string[] words)
    {
        var output = await CovolCommand.RunAsync(Directory, ["--node", $"node{node}", .. words, "-o", "json"]);
        return JsonDocument.Parse(output).RootElement.Clone();
    }

    /// <summary>Asks until the condition holds.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        var since = Stopwatch.StartNew();
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        while (!await condition())
        {
            if (since.Elapsed > s_limit)
            {
                throw new TimeoutException($"{what} did not come true within {s_limit.TotalSeconds:0} s.");
            }

            await tick.WaitForNextTickAsync();
        }
    }

    public async Task<bool> IsUpAsync(int node)
    {
        var (status, output, _) = await CovolCommand.TryAsync(Directory, "--node", "node1", "node", "list", "-o", "json");
        return status == 0 && JsonDocument.Parse(output).RootElement.EnumerateArray()
            .Any(view => view.GetProperty("node").GetString() == $"node{node}" && view.GetProperty("state").GetString() == "Up");
    }
}
