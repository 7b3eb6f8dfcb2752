using System.Globalization;
using Covol.Api;
using Covol.Api.Contracts;

namespace Covol.Lab.Bench;

/// <summary>
/// Compares a folder beside the LUN with the namespaces of the coordinator's node and of another one, alternating, so that what else
/// the machine does falls on all of them. It reports; it never fails for being slow.
/// </summary>
public sealed class BenchRun
{
    private const int WarmUpSeconds = 1;
    private static readonly TimeSpan s_askLimit = TimeSpan.FromSeconds(10);
    private readonly LabDirectory _lab;
    private readonly Action<string> _progress;

    /// <param name="lab">A lab that is up.</param>
    /// <param name="progress">Gets a line a workload and target.</param>
    public BenchRun(LabDirectory lab, Action<string> progress)
    {
        _lab = lab;
        _progress = progress;
    }

    /// <summary>The names of all workloads, in their order.</summary>
    public static IReadOnlyList<string> Workloads { get; } = [.. BenchCase.All.Select(workload => workload.Name)];

    /// <summary>
    /// Runs the workloads whose names begin with one of <paramref name="only"/> (all, if it is empty). The files it makes are removed
    /// again. Each target is warmed up, unmeasured, before a workload's first round.
    /// </summary>
    public async Task<BenchReport> RunAsync(
        int rounds, int seconds, long fileBytes, bool withPeers, IReadOnlyCollection<string> only, CancellationToken cancellation)
    {
        var wanted = BenchCase.All
            .Where(workload => only.Count == 0 || only.Any(name => workload.Name.StartsWith(name, StringComparison.Ordinal)))
            .ToArray();
        if (wanted.Length == 0)
        {
            throw new LabException($"No workload is called so. There are: {string.Join(", ", Workloads)}.");
        }

        using var peers = withPeers ? await BenchPeers.StartAsync(_lab.Path, fileBytes, _progress, cancellation).ConfigureAwait(false) : null;
        BenchTarget[] targets = [.. await OwnAsync(cancellation).ConfigureAwait(false), .. peers?.Targets ?? []];
        Directory.CreateDirectory(targets[0].Folder!);
        try
        {
            foreach (var target in targets)
            {
                await FioRun.PrepareAsync(target.DataFile, fileBytes, cancellation).ConfigureAwait(false);
            }

            var results = new List<BenchResult>();
            foreach (var workload in wanted)
            {
                var able = targets.Where(target => target.Takes(workload)).ToArray();
                results.AddRange(await MeasureAsync(workload, able, rounds, seconds, fileBytes, cancellation).ConfigureAwait(false));
            }

            return new BenchReport(Machine(), rounds, seconds, results);
        }
        finally
        {
            foreach (var target in targets.Where(target => target.OnlyFile is null))
            {
                File.Delete(target.DataFile);
            }

            Directory.Delete(targets[0].Folder!, recursive: true);
        }
    }

    /// <summary>Raw first: the others are compared with it.</summary>
    private async Task<IReadOnlyList<BenchTarget>> OwnAsync(CancellationToken cancellation)
    {
        using var client = NodeClient.OverUnixSocket(_lab.ApiSocket(_lab.Read().Nodes[0]), s_askLimit);
        var volumes = await client.GetVolumesAsync(cancellation).ConfigureAwait(false);
        var coordinator = _lab.ParseNode(volumes.Single(volume => volume.Volume == LabUp.VolumeName).Coordinator);
        var other = _lab.Read().Nodes.First(node => node != coordinator);
        return
        [
            new BenchTarget("raw", $"{_lab.Path}/bench-raw", null, null),
            new BenchTarget("coordinator", $"{_lab.NamespaceRoot(coordinator)}/{LabUp.VolumeName}", null, coordinator),
            new BenchTarget("node", $"{_lab.NamespaceRoot(other)}/{LabUp.VolumeName}", null, other),
        ];
    }

    private async Task<IReadOnlyList<BenchResult>> MeasureAsync(
        BenchCase workload, IReadOnlyList<BenchTarget> targets, int rounds, int seconds, long bytes, CancellationToken cancellation)
    {
        var runs = targets.ToDictionary(target => target, _ => new List<BenchFigures>());
        var costs = targets.ToDictionary(target => target, _ => new List<double>());
        var collections = targets.ToDictionary(target => target, _ => 0);
        foreach (var target in targets)
        {
            await RunAsync(workload, target, bytes, WarmUpSeconds, cancellation).ConfigureAwait(false);
        }

        for (var round = 0; round < rounds; round++)
        {
            foreach (var target in targets)
            {
                var before = await DataPathAsync(target, cancellation).ConfigureAwait(false);
                var run = await RunAsync(workload, target, bytes, seconds, cancellation).ConfigureAwait(false);
                var after = await DataPathAsync(target, cancellation).ConfigureAwait(false);
                runs[target].Add(run);
                if (before is not null && after is not null)
                {
                    collections[target] += after.Collections - before.Collections;
                    costs[target].Add((after.ProcessorUs - before.ProcessorUs) / (double)Math.Max(1, run.Requests));
                }
            }
        }

        var raw = Median(runs[targets[0]].Select(run => run.PerSecond));
        var results = targets.Select(target =>
        {
            var perSecond = Median(runs[target].Select(run => run.PerSecond));
            var isNode = target.Name == "node";
            return new BenchResult(
                workload.Name,
                target.Name,
                perSecond,
                perSecond / raw,
                isNode ? workload.WantedRatio : 0,
                isNode ? workload.WantedPerSecond : 0,
                Median(runs[target].Select(run => run.P50Us)),
                Median(runs[target].Select(run => run.P99Us)),
                target.Node is null ? null : collections[target],
                target.Node is null ? null : Median(costs[target]));
        }).ToArray();
        foreach (var result in results)
        {
            _progress(string.Create(
                CultureInfo.InvariantCulture,
                $"{result.Workload,-24} {result.Target,-20} {result.PerSecond,9:0} a second, of raw {result.Ratio:0.00}"));
        }

        return results;
    }

    private static async Task<BenchFigures> RunAsync(
        BenchCase workload, BenchTarget target, long bytes, int seconds, CancellationToken cancellation) => workload switch
        {
            FioCase fio => await FioRun.MeasureAsync(fio, target, bytes, seconds, cancellation).ConfigureAwait(false),
            MetadataCase names => MetadataRun.Measure(names, target.Folder!, seconds),
            _ => throw new InvalidOperationException($"{workload.Name} is of no known kind."),
        };

    /// <summary>Null: no process of Covol's serves the target.</summary>
    private async Task<DataPathView?> DataPathAsync(BenchTarget target, CancellationToken cancellation)
    {
        if (target.Node is not { } node)
        {
            return null;
        }

        using var client = NodeClient.OverUnixSocket(_lab.ApiSocket(node), s_askLimit);
        var states = await client.GetVolumeStatesAsync(cancellation).ConfigureAwait(false);
        return states.FirstOrDefault(state => state.Node == $"node{node}" && state.Volume == LabUp.VolumeName)?.DataPath
            ?? throw new LabException($"node{node} does not tell what its mount process uses. Look at {_lab.Node(node)}/log.");
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private static BenchMachine Machine()
    {
        var memory = File.ReadLines("/proc/meminfo").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        var root = File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')).Last(fields => fields[4] == "/");
        var dash = Array.IndexOf(root, "-");
        return new BenchMachine(
            Environment.ProcessorCount,
            long.Parse(memory, CultureInfo.InvariantCulture) << 10,
            File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
            $"{root[dash + 1]} on {root[dash + 2]}");
    }
}
