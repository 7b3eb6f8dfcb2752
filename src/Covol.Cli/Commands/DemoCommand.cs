using System.CommandLine;
using System.Text.Json;
using Covol.Lab;
using Covol.Lab.Demo;

namespace Covol.Cli.Commands;

internal static class DemoCommand
{
    private const string GuestCache = "/var/cache/covol/guest";

    public static Command Build()
    {
        var json = new Option<string?>("--json") { Description = "Write what was measured to this file too.", HelpName = "FILE" };
        var folder = new Option<string?>("--dir") { Description = "Where its lab lives for the time.", HelpName = "D" };
        return new Command("demo", "A cluster, a guest that moves while it writes, a lost node, and the proof that nothing was lost.")
        {
            json, folder,
        }.Runs(async (parsed, cancellation) =>
        {
            Common.CheckWritable(parsed.GetValue(json));
            var lab = new LabDirectory(parsed.GetValue(folder) ?? $"/var/tmp/covol-demo-{Environment.ProcessId}");
            var report = await new DemoRun(lab, Common.Daemon(), GuestCache, TimeProvider.System, Console.Out).RunAsync(cancellation);
            if (parsed.GetValue(json) is { } file)
            {
                await File.WriteAllTextAsync(file, JsonSerializer.Serialize(report, DemoJson.Default.DemoReport), cancellation);
            }

            Console.WriteLine(JsonSerializer.Serialize(report, DemoJson.Default.DemoReport));
            if (!report.Ok)
            {
                throw new CommandException($"The demo failed: {report.Failure}");
            }
        });
    }
}
