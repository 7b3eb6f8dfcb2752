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
    [InlineData("25")]
    [InlineData("150")]
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
        var (status, output) = SimulationProgram.Run("--seeds", "5000");

        status.ShouldBe(0, output);
        output.ShouldContain("5000 seeds from 1, 0 failed");
    }

    [Fact]
    public void What_must_never_break_holds_in_worlds_of_the_real_engine()
    {
        var (status, output) = SimulationProgram.Run("--real", "--seeds", "200");

        status.ShouldBe(0, output);
        SimulationProgram.Run("--real", "--seed", "3").Output.ShouldContain(" on NTFS");
    }

    [Fact]
    public void Each_rule_that_is_switched_off_is_missed_by_a_seed_that_holds_with_the_rule()
    {
        var (status, output) = SimulationProgram.Run("--mutations", "--known");

        status.ShouldBe(0, output);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBeGreaterThan(20);
        lines.ShouldAllBe(line => line.EndsWith("with it every invariant held", StringComparison.Ordinal));
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
