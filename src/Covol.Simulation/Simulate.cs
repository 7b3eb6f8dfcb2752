using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Covol.Simulation;

/// <summary>The command: <c>covol simulate [--seeds N] [--seed S] [--real] [--json FILE] [--mutations [--known]] [--without RULE]</c>.</summary>
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
        var known = false;
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
                case "--real":
                    rules = "real";
                    break;
                case "--mutations":
                    mutations = true;
                    break;
                case "--known":
                    known = true;
                    break;
                default:
                    Console.Error.WriteLine(
                        $"'{arguments[index]}' is not known. "
                        + "Use: simulate [--seeds N] [--seed S] [--real] [--json FILE] [--mutations [--known]] [--without RULE]");
                    return 2;
            }
        }

        return mutations && known ? ReplayMutations()
            : mutations ? FindMutations(seed ?? 1, seeds ?? MutationSeeds, json)
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
        using var range = new SeedRange();
        var failed = range.Run(first, count, rules, stopsAtFailure: false, result =>
        {
            Console.Out.WriteLine($"seed {result.Seed} failed: {result.Broken}");
            Console.Out.WriteLine($"  replay: {ReplayCommand(result.Seed, rules)}");
        });
        Console.Out.WriteLine($"{count} seeds from {first}, {failed.Count} failed, {watch.Elapsed.TotalSeconds:0.0} s");
        Write(json, count, failed, rules, watch);
        return failed.Count == 0 ? 0 : 1;
    }

    private static int FindMutations(int first, int count, string? json)
    {
        var watch = Stopwatch.StartNew();
        var missed = new List<string>();
        var seeds = new List<object>();
        using var range = new SeedRange();
        foreach (var mutation in Mutations.All)
        {
            var found = range.Run(first, count, mutation.Name, stopsAtFailure: true, _ => { });
            if (found is [var miss])
            {
                seeds.Add(new { Rule = mutation.Name, miss.Seed, Reason = miss.Broken, Replay = ReplayCommand(miss.Seed, mutation.Name) });
                Console.Out.WriteLine($"{mutation.Name} found by seed {miss.Seed}: {miss.Broken} (rule {mutation.Rule})");
            }
            else
            {
                missed.Add(mutation.Name);
                Console.Out.WriteLine($"{mutation.Name} NOT FOUND within {count} seeds (rule {mutation.Rule})");
            }
        }

        Console.Out.WriteLine($"{seeds.Count} of {Mutations.All.Count} found, {watch.Elapsed.TotalSeconds:0.0} s");
        if (json is not null)
        {
            File.WriteAllText(json, JsonSerializer.Serialize(
                new { Ok = missed.Count == 0, Seeds = count, Failed = missed, Found = seeds, Seconds = Math.Round(watch.Elapsed.TotalSeconds, 1) },
                s_json));
        }

        return missed.Count == 0 ? 0 : 1;
    }

    /// <summary>
    /// Each mutation's known seed, without its rule and with it. Another version of the code gives a seed another history, so where the known
    /// one does not show it any more the first one that does is looked for.
    /// </summary>
    private static int ReplayMutations()
    {
        var isGood = true;
        using var range = new SeedRange();
        foreach (var mutation in Mutations.All)
        {
            var found = range.Run(mutation.Seed, 1, mutation.Name, stopsAtFailure: true, _ => { });
            if (found.Count == 0)
            {
                found = range.Run(1, MutationSeeds, mutation.Name, stopsAtFailure: true, _ => { });
            }

            if (found is not [var miss])
            {
                isGood = false;
                Console.Out.WriteLine($"{mutation.Name} NOT FOUND within {MutationSeeds} seeds (rule {mutation.Rule})");
                continue;
            }

            var with = range.Run(miss.Seed, 1, mutation.Rules.OnRealEngine ? "real" : "all", stopsAtFailure: true, _ => { });
            isGood &= with.Count == 0;
            Console.Out.WriteLine(
                $"{mutation.Name} seed {miss.Seed}{(miss.Seed == mutation.Seed ? "" : $" (not {mutation.Seed} any more)")}: "
                + $"without it {miss.Broken}; with it {(with is [var broken] ? $"BROKEN {broken.Broken}" : "every invariant held")}");
        }

        return isGood ? 0 : 1;
    }

    private static string ReplayCommand(int seed, string rules) =>
        $"./covol simulate --seed {seed}{(rules == "all" ? "" : rules == "real" ? " --real" : $" --without {rules}")}";

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
