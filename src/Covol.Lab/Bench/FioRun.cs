using System.Globalization;
using System.Text.Json;

namespace Covol.Lab.Bench;

/// <summary>One run of fio on one file or two.</summary>
internal static class FioRun
{
    private const int NewFileBytes = 256 << 20;
    private const int NewFileBytesOfSmallBlocks = 16 << 20;
    private const int SmallBlock = 64 << 10;

    /// <summary>Writes a file from end to end, so that everything in it is valid data. One that is there and so long is left.</summary>
    public static async Task PrepareAsync(string file, long bytes, CancellationToken cancellation)
    {
        if (new FileInfo(file) is { Exists: true } there && there.Length == bytes)
        {
            return;
        }

        await RunAsync(
            ["--name=prepare", $"--filename={file}", $"--size={bytes}", "--rw=write", "--bs=1M", "--direct=1", "--ioengine=psync"],
            cancellation).ConfigureAwait(false);
    }

    public static async Task<BenchFigures> MeasureAsync(
        FioCase workload, BenchTarget target, long bytes, int seconds, CancellationToken cancellation)
    {
        string[] common =
        [
            $"--rw={workload.Mode}", "--rwmixread=70", $"--bs={workload.BlockBytes}", $"--iodepth={workload.Depth}",
            $"--numjobs={workload.Jobs}", "--direct=1", "--ioengine=io_uring", "--norandommap", "--group_reporting",
        ];
        if (workload.Files == FioFiles.New)
        {
            return await MeasureNewAsync(workload, common, $"{target.Folder}/covol-bench-new", cancellation).ConfigureAwait(false);
        }

        string[] timed = ["--time_based", string.Create(CultureInfo.InvariantCulture, $"--runtime={seconds}")];
        string[] jobs = workload.Files switch
        {
            FioFiles.One => ["--name=bench", $"--filename={target.DataFile}", $"--size={bytes}"],
            FioFiles.Two =>
            [
                "--name=one", $"--filename={target.DataFileOf(0)}", $"--size={bytes}",
                "--name=two", $"--filename={target.SecondDataFileOf(1)}", $"--size={bytes}",
            ],
            FioFiles.Halves =>
            [
                "--name=one", $"--filename={target.DataFileOf(0)}", $"--size={bytes / 2}",
                "--name=two", $"--filename={target.DataFileOf(1)}", $"--offset={bytes / 2}", $"--size={bytes / 2}",
            ],
            _ => throw new InvalidOperationException($"fio has no files for {workload.Files}."),
        };

        // What comes before the first name holds for all jobs.
        return Figures(workload, await RunAsync([.. common, .. timed, .. jobs], cancellation).ConfigureAwait(false), out _);
    }

    private static async Task<BenchFigures> MeasureNewAsync(
        FioCase workload, string[] common, string file, CancellationToken cancellation)
    {
        var size = workload.BlockBytes < SmallBlock ? NewFileBytesOfSmallBlocks : NewFileBytes;
        try
        {
            // Not laid out before (no fallocate): its blocks are found while it grows, as of any new file.
            var figures = Figures(
                workload,
                await RunAsync(
                    [
                        .. common, "--fallocate=none", "--create_on_open=1", "--end_fsync=1",
                        "--name=bench", $"--filename={file}", $"--size={size}",
                    ],
                    cancellation).ConfigureAwait(false),
                out var written);
            var length = new FileInfo(file).Length;
            return written == size && length == size
                ? figures
                : throw new LabException($"{workload.Name} was to write {size} bytes; fio wrote {written}, and {file} has {length}.");
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Reads and writes together; the latencies are those of the side with more requests.</summary>
    private static BenchFigures Figures(FioCase workload, string json, out long written)
    {
        using var document = JsonDocument.Parse(json);

        // One group: all jobs' figures are the first one's.
        var job = document.RootElement.GetProperty("jobs")[0];
        var (read, write) = (job.GetProperty("read"), job.GetProperty("write"));
        var (reads, writes) = (read.GetProperty("total_ios").GetInt64(), write.GetProperty("total_ios").GetInt64());
        var (readBytes, writtenBytes) = (read.GetProperty("io_bytes").GetInt64(), write.GetProperty("io_bytes").GetInt64());
        if (readBytes < (reads * workload.BlockBytes) - workload.BlockBytes || writtenBytes < (writes * workload.BlockBytes) - workload.BlockBytes
            || (workload.Mode is "randrw" && (reads == 0 || writes == 0)))
        {
            throw new LabException(
                $"{workload.Name} counted {reads} reads of {readBytes} bytes and {writes} writes of {writtenBytes} bytes, which cannot be all.");
        }

        written = writtenBytes;
        var percentiles = (reads > writes ? read : write).GetProperty("clat_ns");
        if (reads + writes == 0)
        {
            return new BenchFigures(workload.Name, 0, 0, null, null);
        }

        var percentile = percentiles.GetProperty("percentile");
        return new BenchFigures(
            workload.Name,
            read.GetProperty("iops").GetDouble() + write.GetProperty("iops").GetDouble(),
            reads + writes,
            percentile.GetProperty("50.000000").GetDouble() / 1000,
            percentile.GetProperty("99.000000").GetDouble() / 1000);
    }

    private static Task<string> RunAsync(string[] arguments, CancellationToken cancellation) =>
        BenchProgram.RunAsync("fio", "fio", ["--output-format=json", .. arguments], cancellation);
}
