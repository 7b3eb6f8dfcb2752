using System.Globalization;
using Covol.Api;
using Covol.Api.Contracts;

namespace Covol.Lab.Bench;

/// <summary>
/// Compares a file beside the LUN with a file on a non-coordinator node's namespace, alternating, so that what else the
/// machine does falls on both. It reports; it never fails for being slow.
/// </summary>
public sealed class BenchRun
{
    private static readonly TimeSpan s_askLimit = TimeSpan.FromSeconds(10);
    private readonly LabDirectory _lab;
    private readonly int _node;
    private readonly Action<string> _progress;

    /// <param name="lab">A lab that is up.</param>
    /// <param name="node">The node to measure on.</param>
    /// <param name="progress">Gets a line a workload.</param>
    public BenchRun(LabDirectory lab, int node, Action<string> progress)
    {
        _lab = lab;
        _node = node;
        _progress = progress;
    }

    /// <summary>Runs every workload. The files it makes are removed again.</summary>
    public async Task<BenchReport> RunAsync(int rounds, int seconds, long fileBytes, CancellationToken cancellation)
    {
        var raw = $"{_lab.Path}/bench-raw";
        var shared = $"{_lab.NamespaceRoot(_node)}/{LabUp.VolumeName}/bench-volume";
        try
        {
            await FioRun.PrepareAsync(raw, fileBytes, cancellation).ConfigureAwait(false);
            await FioRun.PrepareAsync(shared, fileBytes, cancellation).ConfigureAwait(false);
            var results = new List<BenchResult>();
            foreach (var workload in BenchCase.All)
            {
                results.Add(await MeasureAsync(workload, raw, shared, rounds, seconds, fileBytes, cancellation).ConfigureAwait(false));
                var result = results[^1];
                _progress(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{result.Name,-18} raw {result.RawIops,9:0} volume {result.VolumeIops,9:0} IOPS  ratio {result.Ratio:0.00}")
                    + string.Create(CultureInfo.InvariantCulture, $"  {result.Collections} collections, {result.ProcessorUs:0.0} us a request"));
            }

            return new BenchReport(Machine(), rounds, seconds, results);
        }
        finally
        {
            File.Delete(raw);
            File.Delete(shared);
        }
    }

    private async Task<BenchResult> MeasureAsync(
        BenchCase workload, string raw, string shared, int rounds, int seconds, long bytes, CancellationToken cancellation)
    {
        var onRaw = new List<FioRun.Figures>();
        var onVolume = new List<FioRun.Figures>();
        var costs = new List<double>();
        var collections = 0;
        for (var round = 0; round < rounds; round++)
        {
            onRaw.Add(await FioRun.MeasureAsync(workload, raw, bytes, seconds, cancellation).ConfigureAwait(false));
            var before = await DataPathAsync(cancellation).ConfigureAwait(false);
            var run = await FioRun.MeasureAsync(workload, shared, bytes, seconds, cancellation).ConfigureAwait(false);
            var after = await DataPathAsync(cancellation).ConfigureAwait(false);
            onVolume.Add(run);
            collections += after.Collections - before.Collections;
            costs.Add((after.ProcessorUs - before.ProcessorUs) / (double)Math.Max(1, run.Requests));
        }

        var rawIops = Median(onRaw.Select(run => run.Iops));
        var volumeIops = Median(onVolume.Select(run => run.Iops));
        return new BenchResult(
            workload.Name,
            rawIops,
            volumeIops,
            volumeIops / rawIops,
            workload.Wanted,
            Median(onRaw.Select(run => run.P50Us)),
            Median(onVolume.Select(run => run.P50Us)),
            Median(onVolume.Select(run => run.P99Us)),
            collections,
            Median(costs));
    }

    private async Task<DataPathView> DataPathAsync(CancellationToken cancellation)
    {
        using var client = NodeClient.OverUnixSocket(_lab.ApiSocket(_node), s_askLimit);
        var states = await client.GetVolumeStatesAsync(cancellation).ConfigureAwait(false);
        return states.FirstOrDefault(state => state.Node == $"node{_node}" && state.Volume == LabUp.VolumeName)?.DataPath
            ?? throw new LabException($"node{_node} does not tell what its mount process uses. Look at {_lab.Node(_node)}/log.");
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
