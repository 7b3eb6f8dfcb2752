using Covol.IntegrationTests.Support;
using Covol.Lab.Guest;
using Covol.VirtualMachines;
using Covol.VirtualMachines.Disks;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.VirtualMachines;

/// <summary>Real QEMU, real guest, on a local file.</summary>
[Collection(nameof(QemuTests))]
public sealed class RunningGuest
{
    [NeedsFact("qemu-system-x86_64", "qemu-img", "gcc", "busybox")]
    public async Task A_guest_writes_to_its_VHD_shuts_down_by_its_button_and_goes_on_after_a_cold_start()
    {
        await using var guest = await GuestMachine.CreateAsync();
        var machine = await guest.StartAsync("node1", incoming: false);
        await guest.ReadUntilAsync(machine, ticks => ticks.LastSequence >= 100);

        (await machine.RunStateAsync(CancellationToken.None)).ShouldBe("running");
        var end = await machine.StopAsync(GuestMachine.Deadline, CancellationToken.None);
        guest.ReadRest(machine);

        end.ShouldBe(new VirtualMachineEnd("guest-shutdown", ByGuest: true));
        guest.Ticks.SaidBye.ShouldBeTrue();
        guest.Ticks.IoErrors.ShouldBe(0);
        var first = await VerifyAsync(guest);
        first.IsClean.ShouldBeTrue(first.ToString());
        first.HighestSequence.ShouldBeGreaterThanOrEqualTo(guest.Ticks.LastSequence);
        DiskImage.Probe(guest.Disk).ShouldBeOfType<DiskProbe.Usable>().Format.ShouldBe(DiskFormat.FixedVhd);

        var again = await guest.StartAsync("node1", incoming: false);
        await guest.ReadUntilAsync(again, ticks => ticks.LastSequence >= first.HighestSequence + 20);
        await again.KillAsync(CancellationToken.None);
        guest.ReadRest(again);

        var second = await VerifyAsync(guest);
        second.IsClean.ShouldBeTrue(second.ToString());
        second.HighestSequence.ShouldBeGreaterThanOrEqualTo(guest.Ticks.LastSequence);
    }

    [NeedsFact("qemu-system-x86_64", "qemu-img", "gcc", "busybox")]
    public async Task A_machine_whose_disk_is_in_use_or_missing_says_so_and_leaves_nothing_behind()
    {
        await using var guest = await GuestMachine.CreateAsync();
        var machine = await guest.StartAsync("node1", incoming: false);
        await guest.ReadUntilAsync(machine, ticks => ticks.LastSequence >= 1);

        var second = await Should.ThrowAsync<VirtualMachineException>(() => guest.StartAsync("node2", incoming: false));
        var same = await Should.ThrowAsync<VirtualMachineException>(() => guest.StartAsync("node1", incoming: false));

        second.Message.ShouldContain("lock");
        same.Message.ShouldContain("runs here already");
        machine.Ended.IsCompleted.ShouldBeFalse();
        (await guest.AdoptAsync("node2")).ShouldBeNull();
    }

    [NeedsFact("qemu-system-x86_64", "qemu-img", "gcc", "busybox")]
    public async Task A_machine_is_found_again_by_a_later_life_of_the_daemon()
    {
        await using var guest = await GuestMachine.CreateAsync();
        var machine = await guest.StartAsync("node1", incoming: false);
        await guest.ReadUntilAsync(machine, ticks => ticks.LastSequence >= 1);
        var processId = machine.ProcessId;
        await machine.DisposeAsync();

        var found = await guest.AdoptAsync("node1");

        found.ShouldNotBeNull().ProcessId.ShouldBe(processId);
        await guest.ReadUntilAsync(found, ticks => ticks.LastSequence >= 50);
        (await found.QuitAsync(CancellationToken.None)).ShouldBe(new VirtualMachineEnd("host-qmp-quit", ByGuest: false));
    }

    private static Task<GuestDiskReport> VerifyAsync(GuestMachine guest) =>
        GuestDiskVerifier.VerifyAsync(guest.Disk, GuestImage.DefaultBlocks, CancellationToken.None);
}
