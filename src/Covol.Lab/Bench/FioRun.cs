using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Covol.Lab.Bench;

/// <summary>One run of fio on one file.</summary>
internal static class FioRun
{
    private const int NewFileBytes = 256 << 20;
    private const int NewFileBytesOfSmallBlocks = 16 << 20;
    private const int SmallBlock = 64 << 10;

    /// <summary>Writes a file from end to end, so that everything in it is valid data.</summary>
    public static async Task PrepareAsync(string file, long bytes, CancellationToken cancellation) => await RunAsync(
        ["--name=prepare", $"--filename={file}", $"--size={bytes}", "--rw=write", "--bs=1M", "--direct=1", "--ioengine=psync"],
        cancellation).ConfigureAwait(false);

    public static async Task<BenchFigures> MeasureAsync(
        FioCase workload, BenchTarget target, long bytes, int seconds, CancellationToken cancellation)
    {
        string[] common =
        [
            "--name=bench", $"--rw={workload.Mode}", "--rwmixread=70", $"--bs={workload.BlockBytes}", $"--iodepth={workload.Depth}",
            $"--numjobs={workload.Jobs}", "--direct=1", "--ioengine=io_uring", "--norandommap", "--group_reporting",
        ];
        if (!workload.IsNewFile)
        {
            return Figures(await RunAsync(
                [
                    .. common, $"--filename={target.DataFile}", $"--size={bytes}", "--time_based",
                    string.Create(CultureInfo.InvariantCulture, $"--runtime={seconds}"),
                ],
                cancellation).ConfigureAwait(false));
        }

        var size = workload.BlockBytes < SmallBlock ? NewFileBytesOfSmallBlocks : NewFileBytes;
        var file = $"{target.Folder}/covol-bench-new";
        try
        {
            // Not laid out before (no fallocate): its blocks are found while it grows, as of any new file.
            return Figures(await RunAsync(
                [.. common, $"--filename={file}", $"--size={size}", "--fallocate=none", "--create_on_open=1", "--end_fsync=1"], cancellation)
                .ConfigureAwait(false));
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Reads and writes together; the latencies are those of the side with more requests.</summary>
    private static BenchFigures Figures(string json)
    {
        using var document = JsonDocument.Parse(json);
        var job = document.RootElement.GetProperty("jobs")[0];
        var (read, write) = (job.GetProperty("read"), job.GetProperty("write"));
        var (reads, writes) = (read.GetProperty("total_ios").GetInt64(), write.GetProperty("total_ios").GetInt64());
        var percentiles = (reads > writes ? read : write).GetProperty("clat_ns").GetProperty("percentile");
        return new BenchFigures(
            read.GetProperty("iops").GetDouble() + write.GetProperty("iops").GetDouble(),
            reads + writes,
            percentiles.GetProperty("50.000000").GetDouble() / 1000,
            percentiles.GetProperty("99.000000").GetDouble() / 1000);
    }

    private static async Task<string> RunAsync(string[] arguments, CancellationToken cancellation)
    {
        using var process = Process.Start(
            new ProcessStartInfo("fio", ["--output-format=json", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })
            ?? throw new LabException("fio could not be started: 'apt-get install fio'.");
        var output = process.StandardOutput.ReadToEndAsync(cancellation);
        var error = process.StandardError.ReadToEndAsync(cancellation);
        try
        {
            await process.WaitForExitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }

        return process.ExitCode == 0
            ? await output.ConfigureAwait(false)
            : throw new LabException($"fio failed: {(await error.ConfigureAwait(false)).Trim()}");
    }
}
