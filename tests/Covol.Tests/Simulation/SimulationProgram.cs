using System.Diagnostics;

namespace Covol.Tests.Simulation;

/// <summary>The simulation as a program: worlds need a process of their own.</summary>
internal static class SimulationProgram
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(8);

    public static (int Status, string Output) Run(params string[] arguments)
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
        var program = Path.Combine(own.Parent!.Parent!.FullName, "Covol.Simulation", own.Name, "Covol.Simulation.dll");
        using var process = Process.Start(new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            RedirectStandardOutput = true,
        })!;
        using var limit = new Timer(_ => process.Kill(entireProcessTree: true), null, s_limit, Timeout.InfiniteTimeSpan);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
