using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Covol.Lab;
using Covol.Lab.Bench;

namespace Covol.Cli.Commands;

internal static class BenchCommand
{
    private const long FileBytes = 1L << 30;

    public static Command Build()
    {
        var json = new Option<string?>("--json") { Description = "Write the results to this file too.", HelpName = "FILE" };
        var rounds = new Option<int>("--rounds") { Description = "Alternating runs a target.", DefaultValueFactory = _ => 5, HelpName = "N" };
        var seconds = new Option<int>("--seconds") { Description = "Length of a run.", DefaultValueFactory = _ => 3, HelpName = "S" };
        var peers = new Option<bool>("--peers") { Description = "Measure ntfs-3g and qemu-storage-daemon too, as far as installed." };
        var only = new Option<string[]>("--only")
        {
            Description = "Only workloads whose names begin so.",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = true,
        };
        return new Command("bench", "Speed of the coordinator's node and of another one against a raw file on the same disk.")
        {
            json, rounds, seconds, peers, only,
        }.Runs(async (parsed, cancellation) =>
        {
            Common.CheckWritable(parsed.GetValue(json));
            var lab = new LabDirectory($"/var/tmp/covol-bench-{Environment.ProcessId}");
            LabRequirements.ForNewLab(lab);
            LabRequirements.Program("fio", "fio");
            Action<string> progress = line => Console.Error.WriteLine(line);
            try
            {
                await new LabUp(lab, Common.Daemon(), TimeProvider.System, progress).RunAsync(3, 4L << 30, cancellation);
                var report = await new BenchRun(lab, progress).RunAsync(
                    parsed.GetValue(rounds),
                    parsed.GetValue(seconds),
                    FileBytes,
                    parsed.GetValue(peers),
                    parsed.GetValue(only) ?? [],
                    cancellation);
                Show(report);
                if (parsed.GetValue(json) is { } file)
                {
                    await File.WriteAllTextAsync(file, JsonSerializer.Serialize(report, BenchJson.Default.BenchReport), cancellation);
                }
            }
            finally
            {
                await new LabDown(lab, TimeProvider.System).RunAsync(removeFiles: true, CancellationToken.None);
            }
        });
    }

    private static void Show(BenchReport report)
    {
        Table.Write(
            Console.Out,
            report.Results,
            ("Workload", result => result.Workload),
            ("Target", result => result.Target),
            ("Per second", result => Number(result.PerSecond, "0")),
            ("Of raw", result => Number(result.Ratio, "0.00")),
            ("Wanted", Wanted),
            ("p50 us", result => Number(result.P50Us, "0")),
            ("p99 us", result => Number(result.P99Us, "0")),
            ("Collections", result => result.Collections is { } collections ? Number(collections, "0") : ""),
            ("CPU us/request", result => result.ProcessorUs is { } cost ? Number(cost, "0.0") : ""));
        Console.WriteLine(
            $"{report.Machine.Cores} cores, {ByteSize.Show(report.Machine.MemoryBytes)}, kernel {report.Machine.Kernel}, {report.Machine.Disk}; "
            + $"medians of {report.Rounds} alternating runs of {report.Seconds} s");
    }

    private static string Wanted(BenchResult result) => result switch
    {
        { WantedRatio: > 0 } => $"{Number(result.WantedRatio, "0.00")} of raw",
        { WantedPerSecond: > 0 } => $"{Number(result.WantedPerSecond, "0")}/s",
        _ => "",
    };

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
