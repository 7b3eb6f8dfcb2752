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
        return new Command("bench", "Speed of a node that is not the coordinator against a raw file on the same disk.")
        {
            json, rounds, seconds,
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
                var report = await new BenchRun(lab, 2, progress).RunAsync(
                    parsed.GetValue(rounds), parsed.GetValue(seconds), FileBytes, cancellation);
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
            ("Workload", result => result.Name),
            ("Raw IOPS", result => Number(result.RawIops, "0")),
            ("Volume IOPS", result => Number(result.VolumeIops, "0")),
            ("Ratio", result => Number(result.Ratio, "0.00")),
            ("Wanted", result => result.Wanted == 0 ? "" : Number(result.Wanted, "0.00")),
            ("Raw p50 us", result => Number(result.RawP50Us, "0")),
            ("Volume p50 us", result => Number(result.VolumeP50Us, "0")),
            ("Volume p99 us", result => Number(result.VolumeP99Us, "0")),
            ("Collections", result => Number(result.Collections, "0")),
            ("CPU us/request", result => Number(result.ProcessorUs, "0.0")));
        Console.WriteLine(
            $"{report.Machine.Cores} cores, {ByteSize.Show(report.Machine.MemoryBytes)}, kernel {report.Machine.Kernel}, {report.Machine.Disk}; "
            + $"medians of {report.Rounds} alternating runs of {report.Seconds} s");
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
