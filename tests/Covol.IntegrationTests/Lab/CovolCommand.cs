using System.Diagnostics;
using System.Runtime.CompilerServices;
using Shouldly;

namespace Covol.IntegrationTests.Lab;

/// <summary>The command line as a user runs it: another process, its status and its words.</summary>
internal static class CovolCommand
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    /// <summary>Runs and expects success; answers what it printed.</summary>
    public static async Task<string> RunAsync(string lab, params string[] arguments)
    {
        var (status, output, error) = await TryAsync(lab, arguments);
        status.ShouldBe(0, $"covol {string.Join(' ', arguments)}: {error}");
        return output;
    }

    public static Task<(int Status, string Output, string Error)> TryAsync(string lab, params string[] arguments) =>
        ProgramAsync("dotnet", [Program("Covol.Cli", "covol.dll"), .. arguments], lab);

    /// <summary>Any program; the lab's folder is in its environment.</summary>
    public static async Task<(int Status, string Output, string Error)> ProgramAsync(string program, string[] arguments, string lab = "")
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["COVOL_LAB"] = lab;
        start.Environment["COVOL_DAEMON"] = Program("Covol.Daemon", "covold.dll");
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} could not be started.");
        using var deadline = new CancellationTokenSource(s_limit);
        var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
        var error = process.StandardError.ReadToEndAsync(deadline.Token);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
            return (process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end within {s_limit.TotalSeconds:0} s.");
        }
    }

    /// <summary>A program of this solution, of the same configuration as the tests.</summary>
    internal static string Program(string project, string file, [CallerFilePath] string here = "")
    {
        var root = Path.GetFullPath($"{Path.GetDirectoryName(here)}/../../..");
        var configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        return $"{root}/artifacts/bin/{project}/{configuration}/{file}";
    }
}
