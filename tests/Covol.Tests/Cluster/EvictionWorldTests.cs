using Shouldly;
using Xunit;

namespace Covol.Tests.Cluster;

/// <summary>An evicted node's writes do not outlive its lock, and a node that comes back has nothing of its old life.</summary>
public sealed class EvictionWorldTests
{
    private const int Seconds = 90;
    private const int Seeds = 150;

    [Fact]
    public void In_many_worlds_no_write_of_an_evicted_node_lands_under_anothers_lock()
    {
        var (landed, evicted, grants) = (0, 0, 0);
        for (var seed = 0; seed < Seeds; seed++)
        {
            var world = new EvictionWorld(seed, new EvictionGuards());
            world.Run(Seconds);

            world.Violation.ShouldBeNull($"seed {seed}:{Environment.NewLine}{world.History}");
            landed += world.Landed;
            evicted += world.Evicted;
            grants += world.Grants;
        }

        evicted.ShouldBeGreaterThan(Seeds * 3);
        grants.ShouldBeGreaterThan(Seeds * 2);
        landed.ShouldBeGreaterThan(Seeds * 100);
    }

    [Fact]
    public void A_seed_gives_the_same_history_each_time()
    {
        var first = new EvictionWorld(7, new EvictionGuards());
        var second = new EvictionWorld(7, new EvictionGuards());

        first.Run(Seconds);
        second.Run(Seconds);

        second.History.ShouldBe(first.History);
    }

    [Fact]
    public void Without_the_fence_before_the_release_a_late_write_is_found() =>
        Found(new EvictionGuards { FencesBeforeRelease = false }).ShouldBeTrue();

    [Fact]
    public void Without_the_drain_a_late_write_is_found() =>
        Found(new EvictionGuards { FenceDrains = false }).ShouldBeTrue();

    [Fact]
    public void Without_the_comparison_of_evictions_a_lock_is_found_that_survives_under_a_new_key() =>
        Found(new EvictionGuards { KeysCompareEvictions = false }).ShouldBeTrue();

    [Fact]
    public void Without_naming_the_life_a_node_is_found_evicted_for_the_silence_of_the_life_before() =>
        Found(new EvictionGuards { VerdictNamesALife = false }).ShouldBeTrue();

    private static bool Found(EvictionGuards guards)
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var world = new EvictionWorld(seed, guards);
            world.Run(Seconds);
            if (world.Violation is not null)
            {
                return true;
            }
        }

        return false;
    }
}
