using Covol.IntegrationTests.Support;
using Covol.Lab.Guest;
using Covol.Protocol.Migration;
using Covol.Protocol.Units;
using Covol.VirtualMachines;
using Covol.VirtualMachines.Migration;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.VirtualMachines;

/// <summary>Live migration between two real QEMUs on this machine, over loopback, the guest writing all the time.</summary>
[Collection(nameof(QemuTests))]
public sealed class MovingGuest
{
    [NeedsFact("qemu-system-x86_64", "qemu-img", "gcc", "busybox")]
    public async Task A_guest_moves_from_node_to_node_while_it_writes_and_loses_nothing()
    {
        await using var guest = await GuestMachine.CreateAsync();
        var running = await guest.StartAsync("node1", incoming: false);
        await guest.ReadUntilAsync(running, ticks => ticks.LastSequence >= 50);

        foreach (var node in new[] { "node2", "node3", "node1" })
        {
            var destination = guest.Destination(node);
            var ownership = new RecordedOwnership();

            var result = await MoveAsync(running, destination, ownership);
            guest.ReadRest(running);
            var lastAtSource = guest.Ticks.LastSequence;

            result.Outcome.ShouldBe(new MigrationOutcome(MigrationResult.Moved, ""));
            running.Ended.IsCompleted.ShouldBeTrue();
            ownership.Changes.ShouldBe(["move"]);
            result.BlackoutBy.ShouldBe(BlackoutMeasure.Console);
            result.Downtime.ShouldNotBeNull();
            running = destination.Machine.ShouldNotBeNull();
            await guest.ReadUntilAsync(running, ticks => ticks.LastSequence >= lastAtSource + 100);
        }

        guest.Ticks.Starts.ShouldBe(1);
        guest.Ticks.IoErrors.ShouldBe(0);
        await running.StopAsync(GuestMachine.Deadline, CancellationToken.None);
        guest.ReadRest(running);
        guest.Ticks.SaidBye.ShouldBeTrue();
        var report = await GuestDiskVerifier.VerifyAsync(guest.Disk, GuestImage.DefaultBlocks, CancellationToken.None);
        report.IsClean.ShouldBeTrue(report.ToString());
        report.HighestSequence.ShouldBeGreaterThanOrEqualTo(guest.Ticks.LastSequence);
    }

    [NeedsFact("qemu-system-x86_64", "qemu-img", "gcc", "busybox")]
    public async Task A_destination_killed_at_the_switch_over_leaves_the_guest_at_the_source_and_a_new_one_takes_it()
    {
        await using var guest = await GuestMachine.CreateAsync();
        var source = await guest.StartAsync("node1", incoming: false);
        await guest.ReadUntilAsync(source, ticks => ticks.LastSequence >= 50);
        var doomed = guest.Destination("node2");
        var ownership = new RecordedOwnership { AtMove = () => doomed.Machine.ShouldNotBeNull().KillAsync(CancellationToken.None) };

        var failed = await MoveAsync(source, doomed, ownership);

        failed.Outcome.Result.ShouldBe(MigrationResult.StayedAtSource, failed.Outcome.Reason);
        ownership.Changes.ShouldBe(["move", "keep"]);
        await guest.ReadUntilAsync(source, ticks => ticks.LastSequence >= 100);
        guest.Ticks.IoErrors.ShouldBe(0);

        var fresh = guest.Destination("node3");
        var moved = await MoveAsync(source, fresh, new RecordedOwnership());
        guest.ReadRest(source);

        moved.Outcome.Result.ShouldBe(MigrationResult.Moved, moved.Outcome.Reason);
        var arrived = fresh.Machine.ShouldNotBeNull();
        var before = guest.Ticks.LastSequence;
        await guest.ReadUntilAsync(arrived, ticks => ticks.LastSequence >= before + 50);
        await arrived.QuitAsync(CancellationToken.None);
        guest.ReadRest(arrived);
        var report = await GuestDiskVerifier.VerifyAsync(guest.Disk, GuestImage.DefaultBlocks, CancellationToken.None);
        report.IsClean.ShouldBeTrue(report.ToString());
        report.HighestSequence.ShouldBeGreaterThanOrEqualTo(guest.Ticks.LastSequence);
    }

    [NeedsFact("qemu-system-x86_64", "qemu-img", "gcc", "busybox")]
    public async Task A_destination_killed_during_the_copy_costs_the_guest_nothing()
    {
        await using var guest = await GuestMachine.CreateAsync();
        var source = await guest.StartAsync("node1", incoming: false);
        await guest.ReadUntilAsync(source, ticks => ticks.LastSequence >= 50);
        var destination = guest.Destination("node2");
        var ownership = new RecordedOwnership();

        // So slow that the copy is still going on when the destination dies.
        var moving = MoveAsync(
            source, destination, ownership, MigrationSettings.Default with { BandwidthMax = ByteCount.FromMebibytes(1) });
        await guest.ReadUntilAsync(source, _ => destination.Machine is not null);
        var seen = guest.Ticks.LastSequence;
        await guest.ReadUntilAsync(source, ticks => ticks.LastSequence >= seen + 30);
        await destination.Machine.ShouldNotBeNull().KillAsync(CancellationToken.None);
        var result = await moving;

        result.Outcome.Result.ShouldBe(MigrationResult.StayedAtSource, result.Outcome.Reason);
        ownership.Changes.ShouldBeEmpty();
        seen = guest.Ticks.LastSequence;
        await guest.ReadUntilAsync(source, ticks => ticks.LastSequence >= seen + 50);
        guest.Ticks.IoErrors.ShouldBe(0);
    }

    [NeedsFact("root", "qemu-system-x86_64", "qemu-img", "gcc", "busybox", "setpriv")]
    public async Task QEMU_runs_and_moves_as_a_user_without_any_rights()
    {
        var nobody = HostSettings.FindUser(await File.ReadAllLinesAsync("/etc/passwd"), "nobody").ShouldNotBeNull();
        await using var guest = await GuestMachine.CreateAsync(nobody);
        var source = await guest.StartAsync("node1", incoming: false);
        await guest.ReadUntilAsync(source, ticks => ticks.LastSequence >= 20);
        var status = await File.ReadAllLinesAsync($"/proc/{source.ProcessId}/status");
        var destination = guest.Destination("node2");

        var result = await MoveAsync(source, destination, new RecordedOwnership());
        guest.ReadRest(source);
        var before = guest.Ticks.LastSequence;

        status.ShouldContain($"Uid:\t{nobody.UserId}\t{nobody.UserId}\t{nobody.UserId}\t{nobody.UserId}");
        status.ShouldContain("CapEff:\t0000000000000000");
        status.ShouldContain("NoNewPrivs:\t1");
        status.ShouldContain("Seccomp:\t2");
        result.Outcome.Result.ShouldBe(MigrationResult.Moved, result.Outcome.Reason);
        await guest.ReadUntilAsync(destination.Machine.ShouldNotBeNull(), ticks => ticks.LastSequence >= before + 20);
    }

    private static Task<LiveMigrationResult> MoveAsync(
        VirtualMachineProcess source, LocalMigrationDestination destination, IMigrationOwnership ownership,
        MigrationSettings? settings = null) =>
        LiveMigration.RunAsync(
            "guest", new LocalMigrationSource(source, TimeProvider.System), destination, ownership,
            settings ?? MigrationSettings.Default,
            TimeProvider.System, NullLogger.Instance, CancellationToken.None).WaitAsync(GuestMachine.Deadline);

    private sealed class RecordedOwnership : IMigrationOwnership
    {
        public List<string> Changes { get; } = [];

        public Func<Task> AtMove { get; init; } = () => Task.CompletedTask;

        public async Task MoveAsync(CancellationToken cancellation)
        {
            await AtMove();
            Changes.Add("move");
        }

        public Task KeepAsync(CancellationToken cancellation)
        {
            Changes.Add("keep");
            return Task.CompletedTask;
        }
    }
}
