using System.Diagnostics;
using System.Text.Json;

namespace Covol.Lab.Bench;

/// <summary>One run of fio on one file.</summary>
internal static class FioRun
{
    /// <summary>What one run measured.</summary>
    internal readonly record struct Figures(double Iops, long Requests, double P50Us, double P99Us);

    /// <summary>Writes a file from end to end, so that everything in it is valid data.</summary>
    public static async Task PrepareAsync(string file, long bytes, CancellationToken cancellation) => await RunAsync(
        ["--name=prepare", $"--filename={file}", $"--size={bytes}", "--rw=write", "--bs=1M", "--direct=1", "--ioengine=psync"],
        cancellation).ConfigureAwait(false);

    public static async Task<Figures> MeasureAsync(
        BenchCase workload, string file, long bytes, int seconds, CancellationToken cancellation)
    {
        var json = await RunAsync(
            [
                "--name=bench", $"--filename={file}", $"--size={bytes}", $"--rw={workload.Mode}", $"--bs={workload.BlockBytes}",
                $"--iodepth={workload.Depth}", "--direct=1", "--ioengine=io_uring", "--norandommap", "--time_based",
                $"--runtime={seconds}", "--group_reporting",
            ],
            cancellation).ConfigureAwait(false);
        using var document = JsonDocument.Parse(json);
        var job = document.RootElement.GetProperty("jobs")[0];
        var side = job.GetProperty(workload.Mode.EndsWith("read", StringComparison.Ordinal) ? "read" : "write");
        var percentiles = side.GetProperty("clat_ns").GetProperty("percentile");
        return new Figures(
            side.GetProperty("iops").GetDouble(),
            side.GetProperty("total_ios").GetInt64(),
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
