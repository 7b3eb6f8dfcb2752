using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace Covol.IntegrationTests.Lab;

/// <summary>A real guest on the lab's volume, moved by the nodes.</summary>
[Collection(LabCollection.Name)]
public sealed class MovingMachines
{
    private const int Moves = 20;
    private readonly LabFixture _lab;
    private readonly ITestOutputHelper _output;

    public MovingMachines(LabFixture lab, ITestOutputHelper output)
    {
        _lab = lab;
        _output = output;
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "qemu-img", "qemu-system-x86_64", "gcc", "busybox")]
    public async Task A_guest_moves_twenty_times_in_a_row_round_the_nodes_and_loses_no_write()
    {
        await _lab.MendAsync();
        await using var guest = await LabGuest.StartAsync(_lab, "mover", 1);
        for (var (move, at) = (1, 1); move <= Moves; move++)
        {
            var to = (at % 3) + 1;
            var moved = await guest.MigrateAsync(to, to);

            _output.WriteLine($"{move}: {moved.From} -> {moved.To}: {moved.TotalMs} ms in all, blackout {moved.BlackoutMs} ms");
            (moved.From, moved.To).ShouldBe(($"node{at}", $"node{to}"));
            guest.Processes().Count.ShouldBe(1);
            await guest.WriteOnAsync(10);
            at = to;
        }

        guest.Ticks().Starts.ShouldBe(1);
        await guest.StopAsync(2);

        await guest.VerifyAsync(2);
        await guest.LeavesNothingAsync(1);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "qemu-img", "qemu-system-x86_64", "gcc", "busybox")]
    public async Task A_node_daemon_that_is_started_again_finds_its_running_guest_and_can_move_it()
    {
        await _lab.MendAsync();
        await using var guest = await LabGuest.StartAsync(_lab, "adopted", 2);
        var before = guest.Processes();

        await _lab.Faults.KillDaemonAsync(2, CancellationToken.None);
        // At once, as a service manager does: a node whose daemon stays away is evicted, and its guests with it.
        (await _lab.Faults.RestartAsync(2, LabFixture.Daemon, CancellationToken.None)).ShouldBeTrue();
        await _lab.HealthyAsync();

        await Until.TrueAsync(
            "the guest is found again",
            async () => await LabFixture.AnswerAsync(() => guest.ViewAsync(2)) is { State: "Running", Node: "node2" });
        guest.Processes().ShouldBe(before);
        await guest.WriteOnAsync(50);
        await guest.MigrateAsync(2, 3);
        (await guest.ViewAsync(1)).Node.ShouldBe("node3");
        await guest.WriteOnAsync(20);
        guest.Ticks().Starts.ShouldBe(1);
        await guest.StopAsync(1);
        await guest.VerifyAsync(1);
        await guest.LeavesNothingAsync(2);
    }
}
