using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Covol.Api;
using Covol.Api.Contracts;

namespace Covol.Cli.Commands;

/// <summary><c>covol volume check</c>: a volume by its name where it is in use, a LUN by its URI where no node uses it.</summary>
internal static class VolumeCheckCommand
{
    private const string Spoken = "covold: ";

    public static Command Build()
    {
        var name = new Argument<string?>("NAME") { Description = "The volume, which stays in use.", Arity = ArgumentArity.ZeroOrOne };
        var lun = new Option<string?>("--lun") { Description = "Instead: a LUN that no node uses, e.g. file:/path.", HelpName = "URI" };
        var force = new Option<bool>("--force") { Description = "With --lun: also while a node is registered there; it may be dead." };
        var command = new Command("check", "Looks for damage and changes nothing; exit status 3 when there is some.") { name, lun, force };
        command.Validators.Add(result =>
        {
            if (result.GetValue(name) is null == result.GetValue(lun) is null)
            {
                result.AddError("Name a volume, or a LUN with --lun, not both.");
            }
            else if (result.GetValue(force) && result.GetValue(lun) is null)
            {
                result.AddError("--force goes with --lun only.");
            }
        });
        return command.Ends(async (parsed, cancellation) =>
        {
            var view = parsed.GetValue(lun) is { } uri
                ? await Progress.Standard.WhileAsync($"checking {uri}", CheckLunAsync(uri, parsed.GetValue(force), cancellation))
                : await CheckVolumeAsync(parsed, parsed.GetValue(name)!, cancellation);
            Common.Answer(parsed, view, ApiJson.Indented.CheckView, () => Show(view));
            return view.IsSound ? ExitStatus.Done : ExitStatus.Damaged;
        });
    }

    private static async Task<CheckView> CheckVolumeAsync(ParseResult parsed, string name, CancellationToken cancellation)
    {
        using var client = Common.Connect(parsed);
        return await Progress.Standard.WhileAsync($"checking {name}", client.CheckVolumeAsync(name, cancellation));
    }

    /// <summary>By covold itself: no node need run.</summary>
    private static async Task<CheckView> CheckLunAsync(string uri, bool force, CancellationToken cancellation)
    {
        IReadOnlyList<string> words = [.. Common.Daemon(), "check", "--lun", uri, .. force ? ["--force"] : Array.Empty<string>()];
        var start = new ProcessStartInfo(words[0], words.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start) ?? throw new CommandException($"{words[0]} could not be started.");
        try
        {
            var (output, error) = (process.StandardOutput.ReadToEndAsync(cancellation), process.StandardError.ReadToEndAsync(cancellation));
            await process.WaitForExitAsync(cancellation);
            var said = (await error).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ?? "";
            if (process.ExitCode != 0)
            {
                throw new CommandException(
                    said.StartsWith(Spoken, StringComparison.Ordinal)
                        ? said[Spoken.Length..]
                        : $"covold check ended with status {process.ExitCode}: {said}");
            }

            return JsonSerializer.Deserialize(await output, ApiJson.Default.CheckView)
                ?? throw new CommandException("covold check answered nothing.");
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
        catch (JsonException failure)
        {
            throw new CommandException($"covold check answered something else than a check's result: {failure.Message}");
        }
    }

    private static void Show(CheckView view)
    {
        foreach (var finding in view.Findings)
        {
            Console.WriteLine($"{finding.Code}: {finding.Where}: {finding.What}. {finding.Advice}.");
        }

        Console.WriteLine(Sum(view));
    }

    private static string Sum(CheckView view)
    {
        var name = view.Volume ?? view.Lun;
        var count = view.Findings.Count + view.Omitted;
        var what = view.IsSound ? $"{name} is sound" : $"{name} has {count} finding{(count == 1 ? "" : "s")}, {view.Findings.Count} of them above";
        var skipped = view.Skipped == 0 ? "" : $" {view.Skipped} files were deleted meanwhile and not looked at.";
        var replayed = view.ReplayedPages == 0 ? "" : $" {view.ReplayedPages} pages were taken from the journal.";
        var read = $"{ByteSize.Show(view.BytesRead)} read in {view.Milliseconds} ms";
        return $"{what}: {view.Files} files, {view.Directories} directories, {read}.{replayed}{skipped}";
    }
}
