using Covol.IntegrationTests.Support;
using Shouldly;
using Xunit;

namespace Covol.IntegrationTests.CommandLine;

/// <summary>Machines and disks that cannot be as asked: a sentence each, and no record, process or file more than before.</summary>
[Collection(CommandLabCollection.Name)]
public sealed class VirtualMachineRefusals
{
    private readonly CommandLab _lab;

    public VirtualMachineRefusals(CommandLab lab) => _lab = lab;

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "qemu-img", "qemu-system-x86_64")]
    public async Task A_machine_that_cannot_be_is_not_defined_or_started_until_the_reason_is_gone()
    {
        string[] create = ["vm", "create", "guest", "--memory", "64M", "--disk", "Volume1/guest.vhd"];
        (await Shell.RefusedAsync(_lab.Path, create)).ShouldContain("does not exist. Create it with: covol disk create");
        var disk = $"{_lab.OnNode(1, "Volume1")}/guest.vhd";
        await Shell.RunAsync(_lab.Path, "disk", "create", disk, "--size", "8M");
        foreach (var (words, says) in ((string[], string)[])
        [
            (["vm", "create", "guest", "--memory", "1M", "--disk", "Volume1/guest.vhd"], "at least 64 MiB"),
            (["vm", "create", "guest", "--memory", "64M", "--cpus", "0", "--disk", "Volume1/guest.vhd"], "between 1 and 255 processors"),
            (["vm", "create", "gu/est", "--memory", "64M", "--disk", "Volume1/guest.vhd"], "is no name for a virtual machine"),
            (["vm", "create", "guest", "--memory", "64M", "--disk", "../../../../etc/passwd"], "write it as Volume1/x.vhd"),
            ([.. create, "--kernel", "/none"], "The kernel /none does not exist on node1"),
            (["vm", "start", "guest"], "There is no virtual machine guest"),
            (["vm", "show", "guest"], "There is no virtual machine guest"),
            (["vm", "stop", "guest"], "There is no virtual machine guest"),
            (["vm", "remove", "guest"], "There is no virtual machine guest"),
            (["vm", "migrate", "guest", "--to", "node2"], "There is no virtual machine guest"),
        ])
        {
            (await Shell.RefusedAsync(_lab.Path, words)).ShouldContain(says);
            (await _lab.MachinesAsync()).ShouldBeEmpty();
        }

        await Shell.RunAsync(_lab.Path, create);
        (await Shell.RefusedAsync(_lab.Path, create)).ShouldContain("There is a virtual machine guest already");
        File.Move(disk, $"{disk}.away");
        (await Shell.RefusedAsync(_lab.Path, "vm", "start", "guest")).ShouldContain("guest.vhd does not exist");
        (await StateAsync("guest")).ShouldBe("Stopped");
        File.Move($"{disk}.away", disk);
        (await Shell.RefusedAsync(_lab.Path, "vm", "start", "guest", "--on", "node9")).ShouldContain("node9 is not a member");
        (await Shell.RefusedAsync(_lab.Path, "vm", "stop", "guest")).ShouldContain("guest does not run");

        await Shell.RunAsync(_lab.Path, "vm", "start", "guest");
        await InUseAsync(disk);

        (await Shell.JsonAsync(_lab.Path, "vm", "stop", "guest", "--force")).GetProperty("state").GetString().ShouldBe("Stopped");
        await Shell.RunAsync(_lab.Path, "vm", "remove", "guest");
        await Shell.RunAsync(_lab.Path, "vm", "remove", "second");
        File.Delete(disk);
    }

    [NeedsFact(Machine.Root, Machine.Fuse, "etcd", "mkntfs", "qemu-img")]
    public async Task Disks_are_made_described_and_copied_or_refused_without_a_trace()
    {
        var folder = _lab.OnNode(2, "Volume1");
        var made = await Shell.JsonAsync(_lab.Path, "disk", "create", $"{folder}/a.vhd", "--size", "8M");
        made.GetProperty("format").GetString().ShouldBe("vhd");
        made.GetProperty("virtualBytes").GetInt64().ShouldBe(8 << 20);
        made.GetProperty("usable").GetBoolean().ShouldBeTrue();
        await using (var guest = new FileStream($"{folder}/a.vhd", FileMode.Open))
        {
            guest.Write("the guest's bytes"u8);
        }

        var copied = await Shell.JsonAsync(_lab.Path, "disk", "convert", $"{folder}/a.vhd", $"{folder}/b.raw", "--format", "raw");

        copied.GetProperty("virtualBytes").GetInt64().ShouldBe(8 << 20, "the footer of a VHD is none of the guest's bytes");
        (await File.ReadAllBytesAsync($"{folder}/b.raw"))[..17].ShouldBe("the guest's bytes"u8.ToArray());
        foreach (var (words, says) in ((string[], string)[])
        [
            (["disk", "create", $"{folder}/a.vhd", "--size", "8M"], "exists already"),
            (["disk", "create", $"{folder}/none/a.vhd", "--size", "8M"], "The folder of"),
            (["disk", "create", $"{folder}/c.vhd", "--size", "eight"], "is not a size"),
            (["disk", "info", $"{folder}/none"], "does not exist"),
            (["disk", "convert", $"{folder}/none", $"{folder}/c.vhd"], "does not exist"),
            (["disk", "convert", $"{folder}/a.vhd", $"{folder}/b.raw"], "exists already"),
        ])
        {
            (await Shell.RefusedAsync(_lab.Path, words)).ShouldContain(says);
        }

        Directory.GetFiles(folder).Select(Path.GetFileName).Order().ShouldBe(["a.vhd", "b.raw"]);
        File.Delete($"{folder}/a.vhd");
        File.Delete($"{folder}/b.raw");
    }

    private async Task InUseAsync(string disk)
    {
        (await Shell.RefusedAsync(_lab.Path, "vm", "start", "guest")).ShouldContain("guest is Running on node1 already");
        (await Shell.RefusedAsync(_lab.Path, "vm", "remove", "guest")).ShouldContain("stop it first");
        (await Shell.RefusedAsync(_lab.Path, "vm", "migrate", "guest", "--to", "node1")).ShouldContain("runs on node1 already");
        (await Shell.RefusedAsync(_lab.Path, "vm", "migrate", "guest", "--to", "node9")).ShouldContain("node9 is not up");
        (await Shell.RefusedAsync(_lab.Path, "volume", "remove", "Volume1")).ShouldContain("virtual machine guest on node1");
        await Shell.RunAsync(_lab.Path, "vm", "create", "second", "--memory", "64M", "--disk", "Volume1/guest.vhd");
        (await Shell.RefusedAsync(_lab.Path, "vm", "start", "second")).ShouldContain("in use by guest, which is Running on node1");
        (await StateAsync("second")).ShouldBe("Stopped");

        // To look at it takes no lock; to copy it does.
        (await Shell.JsonAsync(_lab.Path, "disk", "info", disk)).GetProperty("virtualBytes").GetInt64().ShouldBe(8 << 20);
        (await Shell.RefusedAsync(_lab.Path, "disk", "convert", disk, $"{disk}.copy")).ShouldStartWith("The disk is in use by a virtual machine");
        File.Exists($"{disk}.copy").ShouldBeFalse();
    }

    private async Task<string?> StateAsync(string machine) =>
        (await Shell.JsonAsync(_lab.Path, "vm", "show", machine)).GetProperty("state").GetString();
}
