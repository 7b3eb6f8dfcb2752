using System.CommandLine;

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
        command.SetAction((parsed, cancellation) => BuiltProgram.RunAsync(
            Program, [.. parsed.GetValue(arguments) ?? [], .. parsed.UnmatchedTokens], cancellation));
        return command;
    }
}
