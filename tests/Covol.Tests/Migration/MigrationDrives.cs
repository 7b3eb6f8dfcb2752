using Covol.Protocol.Migration;
using Covol.VirtualMachines.Migration;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.Tests.Migration;

/// <summary>The driver carries out what the machine decides, and measures it.</summary>
public sealed class MigrationDrives
{
    [Fact]
    public async Task A_move_goes_through_its_steps_in_order_and_measures_the_blackout_by_the_console()
    {
        var ends = new FakeMigrationEnds();
        ends.AtContinue = () =>
        {
            ends.Source.Say(MigrationSignal.Device);
            ends.Source.Say(MigrationSignal.Completed);
            ends.Destination.Say(MigrationSignal.Resumed, 140);
        };

        var result = await RunAsync(ends);

        ends.Calls.ShouldBe(
        [
            "source: prepare", "destination: prepare", "source: migrate to tcp:10.0.0.2:49152", "ownership: move",
            "source: continue", "source: quit",
        ]);
        result.Outcome.ShouldBe(new MigrationOutcome(MigrationResult.Moved, ""));
        result.Downtime.ShouldBe(TimeSpan.FromMilliseconds(12));
        result.Blackout.ShouldBe(TimeSpan.FromMilliseconds(65));
        result.BlackoutBy.ShouldBe(BlackoutMeasure.Console);
    }

    [Fact]
    public async Task A_hand_over_that_the_source_takes_back_kills_the_destination_and_gives_the_ownership_back()
    {
        var ends = new FakeMigrationEnds();
        ends.AtContinue = () =>
        {
            ends.Source.Say(MigrationSignal.Failed);
            ends.Source.Say(MigrationSignal.Resumed);
        };

        var result = await RunAsync(ends);

        result.Outcome.Result.ShouldBe(MigrationResult.StayedAtSource);
        result.BlackoutBy.ShouldBe(BlackoutMeasure.NotMeasured);
        ends.Calls.ShouldContain("destination: kill");
        ends.Calls.ShouldContain("ownership: keep");
        ends.Calls.ShouldNotContain("source: quit");
    }

    [Fact]
    public async Task A_refusal_is_the_reason_that_the_administrator_reads()
    {
        var ends = new FakeMigrationEnds { RefuseMigrate = "QEMU refused 'migrate': there is a reason." };

        var result = await RunAsync(ends);

        result.Outcome.ShouldBe(
            new MigrationOutcome(MigrationResult.StayedAtSource, "QEMU refused 'migrate': there is a reason."));
    }

    [Fact]
    public async Task A_source_whose_connection_breaks_is_quit_again()
    {
        var ends = new FakeMigrationEnds { QuitFailures = 1 };
        ends.AtContinue = () =>
        {
            ends.Source.Say(MigrationSignal.Completed);
            ends.Destination.Say(MigrationSignal.Resumed);
        };

        var result = await RunAsync(ends);

        result.Outcome.Result.ShouldBe(MigrationResult.Moved);
        ends.Calls.Count(call => call == "source: quit").ShouldBe(2);
    }

    [Fact]
    public async Task A_cancel_gives_the_move_up_and_waits_for_its_end()
    {
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();
        var ends = new FakeMigrationEnds();

        var result = await RunAsync(ends, cancel.Token);

        result.Outcome.ShouldBe(new MigrationOutcome(MigrationResult.StayedAtSource, "The move was cancelled."));
        ends.Calls.ShouldContain("destination: kill");
    }

    private static Task<LiveMigrationResult> RunAsync(FakeMigrationEnds ends, CancellationToken cancellation = default) =>
        LiveMigration.RunAsync(
            "guest", ends.Source, ends.Destination, ends, MigrationSettings.Default, TimeProvider.System, NullLogger.Instance,
            cancellation).WaitAsync(TimeSpan.FromSeconds(20), CancellationToken.None);
}
