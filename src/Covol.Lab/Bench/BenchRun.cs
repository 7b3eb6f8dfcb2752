using System.Globalization;
using Covol.Api;
using Covol.Api.Contracts;

namespace Covol.Lab.Bench;

/// <summary>
/// Compares a folder beside the LUN with the namespaces of the coordinator's node and of another one, alternating, so that what else
/// the machine does falls on all of them. It reports; it never fails for being slow, and always where a workload did not do what it says.
/// </summary>
public sealed class BenchRun
{
    private const int WarmUpSeconds = 1;
    private const int WarmUpFiles = 200;
    private static readonly TimeSpan s_askLimit = TimeSpan.FromSeconds(10);
    private readonly LabDirectory _lab;
    private readonly BenchSizes _sizes;
    private readonly Action<string> _progress;

    /// <param name="lab">A lab that is up.</param>
    /// <param name="sizes">How much to do.</param>
    /// <param name="progress">Gets a line a workload and target.</param>
    public BenchRun(LabDirectory lab, BenchSizes sizes, Action<string> progress)
    {
        _lab = lab;
        _sizes = sizes;
        _progress = progress;
    }

    /// <summary>The names of all workloads, in their order.</summary>
    public static IReadOnlyList<string> Workloads { get; } = [.. BenchCase.All.SelectMany(workload => workload.Phases)];

    private string RawFolder => $"{_lab.Path}/bench-raw";

    /// <summary>
    /// Runs the workloads whose names begin with one of <paramref name="only"/> (all, if it is empty), and what is measured together with
    /// them. The files it makes are removed again. Each target is warmed up, unmeasured, before a workload's first round.
    /// </summary>
    /// <param name="command">For the report.</param>
    /// <param name="withPeers">Measure other programs too, see <see cref="BenchPeers"/>.</param>
    /// <param name="only">Beginnings of names.</param>
    /// <param name="cancellation">Ends it early.</param>
    public async Task<BenchReport> RunAsync(
        string command, bool withPeers, IReadOnlyCollection<string> only, CancellationToken cancellation)
    {
        var wanted = BenchCase.All
            .Where(workload => only.Count == 0
                || only.Any(name => workload.Phases.Any(phase => phase.StartsWith(name, StringComparison.Ordinal))))
            .ToArray();
        if (wanted.Length == 0)
        {
            throw new LabException($"No workload is called so. There are: {string.Join(", ", Workloads)}.");
        }

        using var peers = withPeers
            ? await BenchPeers.StartAsync(_lab.Path, _sizes.FileBytes, _progress, cancellation).ConfigureAwait(false)
            : null;
        BenchTarget[] targets = [.. await OwnAsync(cancellation).ConfigureAwait(false), .. peers?.Targets ?? []];
        Directory.CreateDirectory(RawFolder);
        try
        {
            var results = new List<BenchResult>();
            foreach (var workload in wanted)
            {
                var able = targets.Where(target => target.Takes(workload)).ToArray();
                results.AddRange(await MeasureAsync(workload, able, cancellation).ConfigureAwait(false));
            }

            return new BenchReport(command, Machine(), _sizes.Rounds, _sizes.Seconds, results);
        }
        finally
        {
            foreach (var target in targets.Where(target => target.OnlyFile is null))
            {
                File.Delete(target.DataFile);
                File.Delete(target.SecondDataFileOf(0));
            }

            Directory.Delete(RawFolder, recursive: true);
        }
    }

    /// <summary>Raw first: the others are compared with it.</summary>
    private async Task<IReadOnlyList<BenchTarget>> OwnAsync(CancellationToken cancellation)
    {
        using var client = NodeClient.OverUnixSocket(_lab.ApiSocket(_lab.Read().Nodes[0]), s_askLimit);
        var volumes = await client.GetVolumesAsync(cancellation).ConfigureAwait(false);
        var coordinator = _lab.ParseNode(volumes.Single(volume => volume.Volume == LabUp.VolumeName).Coordinator);
        var other = _lab.Read().Nodes.First(node => node != coordinator);
        var (here, there) = ($"{_lab.NamespaceRoot(coordinator)}/{LabUp.VolumeName}", $"{_lab.NamespaceRoot(other)}/{LabUp.VolumeName}");
        return
        [
            new BenchTarget("raw", [RawFolder], null, []),
            new BenchTarget("coordinator", [here], null, [coordinator]) { Elsewhere = (BenchTarget.NodeName, there) },
            new BenchTarget(BenchTarget.NodeName, [there], null, [other]) { Elsewhere = ("coordinator", here) },
            new BenchTarget("two-nodes", [here, there], null, [coordinator, other]),
        ];
    }

    private async Task<IReadOnlyList<BenchResult>> MeasureAsync(
        BenchCase workload, IReadOnlyList<BenchTarget> targets, CancellationToken cancellation)
    {
        var runs = new Dictionary<(int Phase, BenchTarget Target), List<(BenchFigures Figures, DataPathView? Cost)>>();
        try
        {
            foreach (var target in targets)
            {
                await PrepareAsync(workload, target, cancellation).ConfigureAwait(false);
            }

            // Round 0 warms up.
            for (var round = 0; round <= _sizes.Rounds; round++)
            {
                for (var phase = 0; phase < workload.Phases.Count; phase++)
                {
                    foreach (var target in targets)
                    {
                        var before = await DataPathAsync(target, cancellation).ConfigureAwait(false);
                        var run = await RunAsync(workload, phase, target, round, cancellation).ConfigureAwait(false);
                        var after = await DataPathAsync(target, cancellation).ConfigureAwait(false);
                        if (round > 0)
                        {
                            runs.TryAdd((phase, target), []);
                            runs[(phase, target)].Add((run, before is null || after is null
                                ? null
                                : new DataPathView(after.Collections - before.Collections, after.ProcessorUs - before.ProcessorUs)));
                        }
                    }
                }
            }
        }
        finally
        {
            foreach (var target in targets)
            {
                CleanUp(workload, target);
            }
        }

        return [.. workload.Phases.SelectMany((name, phase) => Results(
            workload, name, [.. targets.Select(target => (target, runs[(phase, target)]))]))];
    }

    private IReadOnlyList<BenchResult> Results(
        BenchCase workload, string name, IReadOnlyList<(BenchTarget Target, List<(BenchFigures Figures, DataPathView? Cost)> Runs)> measured)
    {
        var raw = Median(measured[0].Runs.Select(run => run.Figures.PerSecond));
        var results = measured.Select(one =>
        {
            var (target, runs) = one;
            var perSecond = Median(runs.Select(run => run.Figures.PerSecond));
            var isNode = target.Name == BenchTarget.NodeName;
            return new BenchResult(
                name,
                target.Name,
                perSecond,
                perSecond / raw,
                isNode ? workload.WantedRatio : 0,
                isNode ? workload.WantedPerSecond : 0,
                MedianOf(runs.Select(run => run.Figures.P50Us)),
                MedianOf(runs.Select(run => run.Figures.P99Us)),
                target.Nodes.Count == 0 ? null : runs.Sum(run => run.Cost!.Collections),
                target.Nodes.Count == 0 ? null : Median(runs.Select(run => run.Cost!.ProcessorUs / (double)run.Figures.Requests)));
        }).ToArray();
        foreach (var result in results)
        {
            _progress(string.Create(
                CultureInfo.InvariantCulture,
                $"{result.Workload,-45} {result.Target,-20} {result.PerSecond,9:0} a second, of raw {result.Ratio:0.00}"));
        }

        return results;
    }

    private async Task PrepareAsync(BenchCase workload, BenchTarget target, CancellationToken cancellation)
    {
        switch (workload)
        {
            case FioCase { Files: FioFiles.New }:
                break;
            case FioCase fio:
                await FioRun.PrepareAsync(target.DataFile, _sizes.FileBytes, cancellation).ConfigureAwait(false);
                if (fio.Files == FioFiles.Two)
                {
                    await FioRun.PrepareAsync(target.SecondDataFileOf(1), _sizes.FileBytes, cancellation).ConfigureAwait(false);
                }

                break;
            case MetadataCase:
                break;
            case ColdStatCase:
                ColdStatRun.Prepare(target, _sizes.Rounds + 1);
                break;
            case TreeCase:
                TreeRun.Prepare(Archive(WarmUpFiles), WarmUpFiles);
                TreeRun.Prepare(Archive(_sizes.TreeFiles), _sizes.TreeFiles);
                break;
            default:
                throw UnknownKind(workload);
        }
    }

    private async Task<BenchFigures> RunAsync(BenchCase workload, int phase, BenchTarget target, int round, CancellationToken cancellation)
    {
        var seconds = round == 0 ? WarmUpSeconds : _sizes.Seconds;
        var files = round == 0 ? WarmUpFiles : _sizes.TreeFiles;
        return workload switch
        {
            FioCase fio => await FioRun.MeasureAsync(fio, target, _sizes.FileBytes, seconds, cancellation).ConfigureAwait(false),
            MetadataCase names => MetadataRun.Measure(names, target, seconds),
            ColdStatCase cold => ColdStatRun.Measure(cold, target, round),
            TreeCase tree => await TreeRun.MeasureAsync(tree, phase, target, Archive(files), files, cancellation).ConfigureAwait(false),
            _ => throw UnknownKind(workload),
        };
    }

    private static void CleanUp(BenchCase workload, BenchTarget target)
    {
        switch (workload)
        {
            case ColdStatCase:
                ColdStatRun.CleanUp(target);
                break;
            case TreeCase:
                TreeRun.CleanUp(target);
                break;
            default:
                // The others leave nothing, or what the next one uses too.
                break;
        }
    }

    private string Archive(int files) => string.Create(CultureInfo.InvariantCulture, $"{RawFolder}/tree-{files}.tar");

    private static InvalidOperationException UnknownKind(BenchCase workload) => new($"{workload.Name} is of no known kind.");

    /// <summary>Of all nodes together. Null: no process of Covol's serves the target.</summary>
    private async Task<DataPathView?> DataPathAsync(BenchTarget target, CancellationToken cancellation)
    {
        DataPathView? all = null;
        foreach (var node in target.Nodes)
        {
            using var client = NodeClient.OverUnixSocket(_lab.ApiSocket(node), s_askLimit);
            var states = await client.GetVolumeStatesAsync(cancellation).ConfigureAwait(false);
            var one = states.FirstOrDefault(state => state.Node == $"node{node}" && state.Volume == LabUp.VolumeName)?.DataPath
                ?? throw new LabException($"node{node} does not tell what its mount process uses. Look at {_lab.Node(node)}/log.");
            all = all is null ? one : new DataPathView(all.Collections + one.Collections, all.ProcessorUs + one.ProcessorUs);
        }

        return all;
    }

    private static double? MedianOf(IEnumerable<double?> values) =>
        values.ToArray() is var all && all.All(value => value is not null) ? Median(all.Select(value => value!.Value)) : null;

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
