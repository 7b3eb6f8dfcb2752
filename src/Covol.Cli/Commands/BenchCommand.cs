using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Covol.Lab;
using Covol.Lab.Bench;

namespace Covol.Cli.Commands;

internal static class BenchCommand
{
    /// <summary>Two files of 1 GiB and a tree.</summary>
    private const long LunBytes = 4L << 30;

    public static Command Build()
    {
        var json = new Option<string?>("--json") { Description = "Write the results to this file too.", HelpName = "FILE" };
        var rounds = new Option<int>("--rounds")
        {
            Description = "Alternating runs a target.",
            DefaultValueFactory = _ => BenchSizes.Default.Rounds,
            HelpName = "N",
        };
        var seconds = new Option<int>("--seconds")
        {
            Description = "Length of a run.",
            DefaultValueFactory = _ => BenchSizes.Default.Seconds,
            HelpName = "S",
        };
        var files = new Option<int>("--files")
        {
            Description = "Files of the tree.",
            DefaultValueFactory = _ => BenchSizes.Default.TreeFiles,
            HelpName = "N",
        };
        var peers = new Option<bool>("--peers") { Description = "Measure ntfs-3g and qemu-storage-daemon too, as far as installed." };
        var only = new Option<string[]>("--only")
        {
            Description = "Only workloads whose names begin so.",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = true,
        };
        var growth = new Option<bool>("--growth")
        {
            Description = "Instead: what more nodes, open files and pieces of a file cost, in one process; only --json counts with it.",
        };
        return new Command("bench", "Speed of the coordinator's node and of another one against a raw file on the same disk.")
        {
            json, rounds, seconds, files, peers, only, growth,
        }.Runs(async (parsed, cancellation) =>
        {
            Common.CheckWritable(parsed.GetValue(json));
            if (parsed.GetValue(growth))
            {
                await GrowthAsync(parsed.GetValue(json), cancellation);
                return;
            }

            var sizes = BenchSizes.Default with
            {
                Rounds = parsed.GetValue(rounds),
                Seconds = parsed.GetValue(seconds),
                TreeFiles = parsed.GetValue(files),
            };
            var lab = new LabDirectory($"/var/tmp/covol-bench-{Environment.ProcessId}");
            LabRequirements.ForNewLab(lab);
            LabRequirements.Program("fio", "fio");
            Action<string> progress = line => Console.Error.WriteLine(line);
            try
            {
                await new LabUp(lab, Common.Daemon(), TimeProvider.System, progress).RunAsync(3, LunBytes, cancellation);
                var report = await new BenchRun(lab, sizes, progress).RunAsync(
                    $"./covol {string.Join(' ', Environment.GetCommandLineArgs()[1..])}",
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

    /// <summary>A program of its own: it looks into the coordinator, which this one must not know.</summary>
    private static async Task GrowthAsync(string? json, CancellationToken cancellation)
    {
        string[] arguments = json is null ? [] : ["--json", Path.GetFullPath(json)];
        var status = await BuiltProgram.RunAsync("Covol.Growth", arguments, cancellation);
        if (status != 0)
        {
            throw new CommandException($"The measurement ended with status {status}; what went wrong is above.");
        }
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

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "";
}
