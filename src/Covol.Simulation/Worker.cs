using System.Globalization;
using Covol.Simulation.Parts;

namespace Covol.Simulation;

/// <summary>
/// Runs seeds one after the other and says a line for each. A process of its own, because a broken invariant of the real code ends the
/// process, and because a world needs the pool for itself.
/// </summary>
internal static class Worker
{
    public static int Run(IReadOnlyList<string> arguments)
    {
        var first = int.Parse(arguments[0], CultureInfo.InvariantCulture);
        var step = int.Parse(arguments[1], CultureInfo.InvariantCulture);
        var count = int.Parse(arguments[2], CultureInfo.InvariantCulture);
        var rules = RulesOf(arguments[3]);
        for (var index = 0; index < count; index++)
        {
            Console.Out.WriteLine(Line(SeedRun.Run(first + (index * step), rules, print: null)));
        }

        return 0;
    }

    public static Rules RulesOf(string name) => name == "all"
        ? Rules.All
        : Mutations.All.FirstOrDefault(mutation => mutation.Name == name).Rules
            ?? throw new ArgumentException($"There is no mutation '{name}'.", nameof(name));

    public static string Line(SeedResult result) => string.Create(
        CultureInfo.InvariantCulture, $"{result.Seed} {result.TraceHash:x16} {result.Events} {result.Seconds:0.0} {result.Broken}");

    public static SeedResult Parse(string line)
    {
        var parts = line.Split(' ', 5);
        return new SeedResult(
            int.Parse(parts[0], CultureInfo.InvariantCulture),
            parts[4].Length == 0 ? null : parts[4],
            ulong.Parse(parts[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
            long.Parse(parts[2], CultureInfo.InvariantCulture),
            double.Parse(parts[3], CultureInfo.InvariantCulture));
    }
}
