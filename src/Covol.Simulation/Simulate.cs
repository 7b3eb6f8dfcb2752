using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Covol.Simulation;

/// <summary>The command: <c>covol simulate [--seeds N] [--seed S] [--json FILE] [--mutations]</c>.</summary>
internal static class Simulate
{
    /// <summary>Seeds in which a mutation has to be found.</summary>
    private const int MutationSeeds = 1_000;

    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    public static int Run(IReadOnlyList<string> arguments)
    {
        int? seeds = null;
        int? seed = null;
        string? json = null;
        var rules = "all";
        var mutations = false;
        for (var index = 0; index < arguments.Count; index++)
        {
            switch (arguments[index])
            {
                case "--seeds" when index + 1 < arguments.Count:
                    seeds = int.Parse(arguments[++index], CultureInfo.InvariantCulture);
                    break;
                case "--seed" when index + 1 < arguments.Count:
                    seed = int.Parse(arguments[++index], CultureInfo.InvariantCulture);
                    break;
                case "--json" when index + 1 < arguments.Count:
                    json = arguments[++index];
                    break;
                case "--without" when index + 1 < arguments.Count:
                    rules = arguments[++index];
                    break;
                case "--mutations":
                    mutations = true;
                    break;
                default:
                    Console.Error.WriteLine(
                        $"'{arguments[index]}' is not known. Use: simulate [--seeds N] [--seed S] [--json FILE] [--mutations] [--without RULE]");
                    return 2;
            }
        }

        return mutations ? FindMutations(seed ?? 1, seeds ?? MutationSeeds, json)
            : seed is { } one && seeds is null or 1 ? Replay(one, rules, json)
            : RunSeeds(seed ?? 1, seeds ?? 100, rules, json);
    }

    private static int Replay(int seed, string rules, string? json)
    {
        var watch = Stopwatch.StartNew();
        var result = SeedRun.Run(seed, Worker.RulesOf(rules), Console.Out.WriteLine);
        Console.Out.WriteLine(
            $"seed {seed}: {result.Broken ?? "every invariant held"}; {result.Events} events, trace {result.TraceHash:x16}");
        Write(json, 1, result.Broken is null ? [] : [result], rules, watch);
        return result.Broken is null ? 0 : 1;
    }

    private static int RunSeeds(int first, int count, string rules, string? json)
    {
        var watch = Stopwatch.StartNew();
        var failed = new SeedRange(first, count, rules, stopsAtFailure: false, result =>
        {
            Console.Out.WriteLine($"seed {result.Seed} failed: {result.Broken}");
            Console.Out.WriteLine($"  replay: {ReplayCommand(result.Seed, rules)}");
        }).Run();
        Console.Out.WriteLine($"{count} seeds from {first}, {failed.Count} failed, {watch.Elapsed.TotalSeconds:0.0} s");
        Write(json, count, failed, rules, watch);
        return failed.Count == 0 ? 0 : 1;
    }

    private static int FindMutations(int first, int count, string? json)
    {
        var watch = Stopwatch.StartNew();
        var missed = new List<string>();
        foreach (var (name, rule, _) in Mutations.All)
        {
            var found = new SeedRange(first, count, name, stopsAtFailure: true, _ => { }).Run();
            if (found.Count == 0)
            {
                missed.Add(name);
            }

            Console.Out.WriteLine(found.Count == 0
                ? $"{name} NOT FOUND within {count} seeds (rule {rule})"
                : $"{name} found by seed {found[0].Seed}: {found[0].Broken} (rule {rule})");
        }

        if (json is not null)
        {
            File.WriteAllText(json, JsonSerializer.Serialize(
                new { Ok = missed.Count == 0, Seeds = count, Failed = missed, Seconds = Math.Round(watch.Elapsed.TotalSeconds, 1) }, s_json));
        }

        return missed.Count == 0 ? 0 : 1;
    }

    private static string ReplayCommand(int seed, string rules) =>
        $"./covol simulate --seed {seed}{(rules == "all" ? "" : $" --without {rules}")}";

    private static void Write(string? json, int seeds, IReadOnlyList<SeedResult> failed, string rules, Stopwatch watch)
    {
        if (json is not null)
        {
            File.WriteAllText(json, JsonSerializer.Serialize(
                new
                {
                    Ok = failed.Count == 0,
                    Seeds = seeds,
                    Failed = failed.Select(result => new { result.Seed, Reason = result.Broken, Replay = ReplayCommand(result.Seed, rules) }),
                    Seconds = Math.Round(watch.Elapsed.TotalSeconds, 1),
                },
                s_json));
        }
    }
}
