using Covol.Simulation.Parts;
using Covol.Simulation.Worlds;

namespace Covol.Simulation;

/// <summary>One seed from its beginning to its end.</summary>
internal static class SeedRun
{
    public static SeedResult Run(int seed, Rules rules, Action<string>? print)
    {
        using var world = new World(seed, print);
        var drawn = Scenario.Draw(world);
        using var cluster = new Cluster(world, drawn with { HasRealEngine = drawn.HasRealEngine || rules.OnRealEngine }, rules);
        var faults = new Faults(cluster);
        world.At(0, () =>
        {
            cluster.Start();
            faults.Start();
        });
        world.Run();
        return new SeedResult(seed, world.Broken, world.TraceHash, world.Events, world.Now / 1e9);
    }
}
