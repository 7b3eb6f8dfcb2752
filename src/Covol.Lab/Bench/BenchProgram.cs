using System.Diagnostics;

namespace Covol.Lab.Bench;

/// <summary>A program that a workload is, or uses.</summary>
internal static class BenchProgram
{
    /// <summary>Runs to its end; answers what it printed. A status other than 0 is a failure of the workload.</summary>
    public static async Task<string> RunAsync(string program, string package, string[] arguments, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LC_ALL"] = "C";
        using var process = Process.Start(start) ?? throw new LabException($"{program} could not be started: 'apt-get install {package}'.");
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
            : throw new LabException($"{program} failed: {(await error.ConfigureAwait(false)).Trim()}");
    }
}
