using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Covol.IntegrationTests.Lab;
using Shouldly;

namespace Covol.IntegrationTests.CommandLine;

/// <summary><c>covol</c> as an administrator sees it: its words, its status.</summary>
internal static class Shell
{
    private const int Failed = 1;

    /// <summary>A program of this solution, of the same configuration as the tests.</summary>
    public static string Folder(string project, [CallerFilePath] string here = "")
    {
        var root = Path.GetFullPath($"{Path.GetDirectoryName(here)}/../../..");
        var configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        return $"{root}/artifacts/bin/{project}/{configuration}";
    }

    /// <summary>Expects a refusal: status 1, nothing on standard output, one sentence; answers the sentence.</summary>
    public static async Task<string> RefusedAsync(string lab, params string[] arguments) =>
        Sentence(string.Join(' ', arguments), await CovolCommand.TryAsync(lab, arguments));

    /// <summary>The same for covol run by another program.</summary>
    public static string Sentence(string what, (int Status, string Output, string Error) end)
    {
        end.Status.ShouldBe(Failed, $"{what}: {end.Output}{end.Error}");
        end.Output.ShouldBeEmpty(what);

        // Lines before it, if any, tell the progress.
        var sentence = end.Error.TrimEnd().Split('\n')[^1];
        sentence.ShouldStartWith("covol: ", customMessage: what);
        end.Error.ShouldNotContain("Exception", customMessage: what);
        return sentence["covol: ".Length..];
    }

    public static Task<string> RunAsync(string lab, params string[] arguments) => CovolCommand.RunAsync(lab, arguments);

    public static async Task<JsonElement> JsonAsync(string lab, params string[] arguments)
    {
        using var document = JsonDocument.Parse(await RunAsync(lab, [.. arguments, "-o", "json"]));
        return document.RootElement.Clone();
    }

    /// <summary>Waits until a condition holds; the deadline's message is what it last was.</summary>
    public static async Task UntilAsync(Func<Task<string?>> whatIsMissing)
    {
        var waited = Stopwatch.StartNew();
        while (await whatIsMissing() is { } missing)
        {
            waited.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60), missing);
        }
    }
}
