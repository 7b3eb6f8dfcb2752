using System.Globalization;
using Covol.Simulation.Parts;

namespace Covol.Simulation;

/// <summary>
/// Runs the seeds that it is told, a line each, and says a line for each. A process of its own, because a broken invariant of the real code
/// ends the process, and because a world needs the pool for itself.
/// </summary>
internal static class Worker
{
    public static int Run()
    {
        while (Console.In.ReadLine() is { } line)
        {
            var parts = line.Split(' ');
            Console.Out.WriteLine(Line(SeedRun.Run(int.Parse(parts[0], CultureInfo.InvariantCulture), RulesOf(parts[1]), print: null)));
        }

        return 0;
    }

    /// <param name="name">"all", "real" (all of them, and the real engine in each world), or the mutation without which a world runs.</param>
    public static Rules RulesOf(string name) => name == "all" ? Rules.All
        : name == "real" ? Rules.All with { OnRealEngine = true }
        : Mutations.All.FirstOrDefault(mutation => mutation.Name == name)?.Rules
            ?? throw new ArgumentException($"There is no mutation '{name}'.", nameof(name));

    public static string Line(SeedResult result) => string.Create(
        CultureInfo.InvariantCulture, $"{result.Seed} {result.Events} {result.Seconds:0.0} {result.Broken}");

    public static SeedResult Parse(string line)
    {
        var parts = line.Split(' ', 4);
        return new SeedResult(
            int.Parse(parts[0], CultureInfo.InvariantCulture),
            parts[3].Length == 0 ? null : parts[3],
            0,
            long.Parse(parts[1], CultureInfo.InvariantCulture),
            double.Parse(parts[2], CultureInfo.InvariantCulture));
    }
}
