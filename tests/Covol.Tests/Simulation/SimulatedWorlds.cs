using System.Text.Json;
using Shouldly;
using Xunit;

namespace Covol.Tests.Simulation;

/// <summary>Clusters of real coordinators and clients over a simulated LUN and network, decided by a seed.</summary>
public sealed class SimulatedWorlds
{
    [Theory]
    [InlineData("3")]
    [InlineData("42")]
    public void The_same_seed_gives_the_same_history_in_another_process(string seed)
    {
        var first = SimulationProgram.Run("--seed", seed);
        var second = SimulationProgram.Run("--seed", seed);

        first.Output.Split('\n').Length.ShouldBeGreaterThan(100);
        second.Output.ShouldBe(first.Output);
    }

    [Fact]
    public void What_must_never_break_holds_in_many_worlds()
    {
        var (status, output) = SimulationProgram.Run("--seeds", "1000");

        status.ShouldBe(0, output);
        output.ShouldContain("1000 seeds from 1, 0 failed");
    }

    [Theory]
    [InlineData("no-coordinator-fence", "20", "I1")]
    [InlineData("no-drain", "80", "I")]
    [InlineData("no-recall", "20", "I")]
    [InlineData("no-extension-order", "60", "I")]
    [InlineData("no-replay", "30", "I")]
    [InlineData("no-flush", "30", "I6")]
    [InlineData("no-checkpoint-before-grant", "20", "I7")]
    [InlineData("no-open-count", "10", "I7")]
    [InlineData("no-tail-zeroes", "12", "I7")]
    [InlineData("no-tail-look", "12", "I3")]
    [InlineData("no-tail-commit", "60", "I")]
    public void A_rule_that_is_switched_off_is_missed(string rule, string seeds, string invariant)
    {
        var (status, output) = SimulationProgram.Run("--without", rule, "--seeds", seeds);

        status.ShouldBe(1, output);
        output.ShouldContain($"failed: {invariant}");
    }

    [Fact]
    public void A_failing_seed_names_the_command_that_replays_it()
    {
        var file = Path.Combine(Path.GetTempPath(), $"covol-simulate-{Environment.ProcessId}.json");
        try
        {
            SimulationProgram.Run("--without", "no-flush", "--seeds", "16", "--json", file).Status.ShouldBe(1);

            using var report = JsonDocument.Parse(File.ReadAllText(file));
            report.RootElement.GetProperty("ok").GetBoolean().ShouldBeFalse();
            report.RootElement.GetProperty("seeds").GetInt32().ShouldBe(16);
            report.RootElement.GetProperty("seconds").GetDouble().ShouldBeGreaterThan(0);
            var failed = report.RootElement.GetProperty("failed")[0];
            var seed = failed.GetProperty("seed").GetInt32();
            failed.GetProperty("replay").GetString().ShouldBe($"./covol simulate --seed {seed} --without no-flush");

            var replay = SimulationProgram.Run("--seed", $"{seed}", "--without", "no-flush");

            replay.Status.ShouldBe(1);
            replay.Output.ShouldContain($"BROKEN {failed.GetProperty("reason").GetString()!.Replace(": ", " ", StringComparison.Ordinal)}"[..20]);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
