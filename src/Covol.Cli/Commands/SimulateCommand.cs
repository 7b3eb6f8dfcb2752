using System.CommandLine;
using System.Diagnostics;

namespace Covol.Cli.Commands;

/// <summary>Hands its arguments to the simulation, a program of its own that is built beside this one.</summary>
internal static class SimulateCommand
{
    private const string Program = "Covol.Simulation";

    public static Command Build()
    {
        var arguments = new Argument<string[]>("arguments")
        {
            Description = "--seeds N, --seed S, --json FILE, --mutations, --without RULE; see docs/internals/simulation.md.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var command = new Command("simulate", "Runs simulated clusters, each decided by a seed, and checks what must never break.")
        {
            arguments,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(async (parsed, cancellation) =>
        {
            var all = (parsed.GetValue(arguments) ?? []).Concat(parsed.UnmatchedTokens).ToList();
            using var process = Process.Start(new ProcessStartInfo("dotnet", [Place(), .. all]))!;
            await process.WaitForExitAsync(cancellation);
            return process.ExitCode;
        });
        return command;
    }

    /// <summary>artifacts/bin/Covol.Simulation/release beside artifacts/bin/Covol.Cli/release.</summary>
    private static string Place()
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
        return Path.Combine(own.Parent!.Parent!.FullName, Program, own.Name, Program + ".dll");
    }
}
