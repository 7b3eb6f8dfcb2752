using Shouldly;
using Xunit;

namespace Covol.Tests.Ownership;

/// <summary>At most one epoch writes metadata, whatever fails; and afterwards the volume is served again.</summary>
public sealed class OwnershipWorldTests
{
    private const int FaultSeconds = 60;
    private const int HealSeconds = 90;

    [Fact]
    public void In_hundreds_of_worlds_no_older_coordinator_writes_under_a_newer_one_and_the_volume_is_served_again()
    {
        long landed = 0;
        long epochs = 0;
        for (var seed = 0; seed < 400; seed++)
        {
            var world = new OwnershipWorld(seed, new OwnershipGuards());
            var notServed = world.Run(FaultSeconds, HealSeconds);

            (world.Lun.Violation ?? notServed).ShouldBeNull($"seed {seed}:{Environment.NewLine}{world.History}");
            landed += world.Lun.Landed;
            epochs += world.Epoch.Value;
        }

        landed.ShouldBeGreaterThan(100_000);
        epochs.ShouldBeGreaterThan(2_000);
    }

    [Fact]
    public void A_seed_gives_the_same_history_each_time()
    {
        var first = new OwnershipWorld(7, new OwnershipGuards());
        var second = new OwnershipWorld(7, new OwnershipGuards());

        first.Run(FaultSeconds, HealSeconds);
        second.Run(FaultSeconds, HealSeconds);

        second.History.ShouldBe(first.History);
    }

    [Fact]
    public void Without_the_preempt_before_replay_an_older_coordinator_is_found_writing() =>
        SeedsUntilFound(new OwnershipGuards { PreemptsBeforeReplay = false }).ShouldNotBeNull();

    [Fact]
    public void Without_the_drain_a_write_in_flight_is_found_landing_late() =>
        SeedsUntilFound(new OwnershipGuards { PreemptDrains = false }).ShouldNotBeNull();

    [Fact]
    public void Without_the_key_in_the_claim_an_older_coordinator_is_found_writing() =>
        SeedsUntilFound(new OwnershipGuards { ClaimNamesKey = false }).ShouldNotBeNull();

    [Fact]
    public void Without_the_registration_before_the_claim_the_late_winner_is_found_writing() =>
        SeedsUntilFound(new OwnershipGuards { RegistersBeforeClaim = false }).ShouldNotBeNull();

    [Fact]
    public void Without_admitting_what_was_not_told_a_coordinator_is_found_that_waits_for_an_evicted_node()
    {
        var world = new OwnershipWorld(0, new OwnershipGuards { AdmitsUntoldEvictions = false });
        for (var seed = 1; world.Run(FaultSeconds, HealSeconds) is null && seed < 400; seed++)
        {
            world = new OwnershipWorld(seed, new OwnershipGuards { AdmitsUntoldEvictions = false });
        }

        world.Untold.ShouldNotBeNull();
    }

    private static int? SeedsUntilFound(OwnershipGuards guards)
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var world = new OwnershipWorld(seed, guards);
            world.Run(FaultSeconds, HealSeconds);
            if (world.Lun.Violation is not null)
            {
                return seed;
            }
        }

        return null;
    }
}
