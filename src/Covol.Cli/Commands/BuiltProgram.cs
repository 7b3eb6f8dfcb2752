using System.Diagnostics;

namespace Covol.Cli.Commands;

/// <summary>A program of this solution that is built beside this one and that this one must not reference.</summary>
internal static class BuiltProgram
{
    /// <summary>Runs it with this one's terminal; answers its exit status. Ended with it when <paramref name="cancellation"/> comes.</summary>
    public static async Task<int> RunAsync(string project, IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Place(project), .. arguments]))!;
        try
        {
            await process.WaitForExitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }

        return process.ExitCode;
    }

    /// <summary>artifacts/bin/PROJECT/release beside artifacts/bin/Covol.Cli/release.</summary>
    private static string Place(string project)
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
        return Path.Combine(own.Parent!.Parent!.FullName, project, own.Name, project + ".dll");
    }
}
