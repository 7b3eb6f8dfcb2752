using Covol.Protocol.Units;
using Covol.VirtualMachines;
using Covol.VirtualMachines.Disks;
using Shouldly;
using Xunit;

namespace Covol.Tests.VirtualMachines;

/// <summary>What QEMU is started with. Golden lines: a change here changes what running machines can be migrated to.</summary>
public sealed class QemuLines
{
    private static readonly VirtualMachinePlaces s_places = new("/run/covol/vm", "/var/log/covol/vm", "web");

    private static readonly VirtualMachineDefinition s_machine = new(
        "web", Guid.Parse("6f1c2f0e-8a57-4d2d-9d25-2f4b6c1d7a90"), ByteCount.FromMebibytes(512), 2,
        [
            new DiskImage("/ClusterStorage/Volume1/a,b.vhd", DiskFormat.FixedVhd, ByteCount.FromMebibytes(32)),
            new DiskImage("/ClusterStorage/Volume1/data.qcow2", DiskFormat.Qcow2, ByteCount.FromMebibytes(64)),
        ],
        new DirectKernel("/boot/vmlinuz", "/boot/initrd", "console=ttyS0 quiet"));

    private static readonly HostSettings s_host = new(
        "/usr/bin/qemu-system-x86_64", Acceleration.Tcg, DiskSubmission.Threads, "/run/covol/vm", "/var/log/covol/vm",
        new QemuUser(998, 997));

    [Fact]
    public void A_machine_without_KVM_runs_as_a_user_of_its_own_in_a_sandbox()
    {
        QemuCommandLine.Build(s_machine, s_host, s_places, incoming: false).ShouldBe(
        [
            "/usr/bin/setpriv", "--reuid=998", "--regid=997", "--clear-groups", "--no-new-privs",
            "/usr/bin/qemu-system-x86_64",
            "-name", "guest=web",
            "-uuid", "6f1c2f0e-8a57-4d2d-9d25-2f4b6c1d7a90",
            "-M", "pc",
            "-accel", "tcg,thread=single",
            "-m", "524296K",
            "-smp", "2",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-pidfile", "/run/covol/vm/web/pid",
            "-chardev", "socket,id=monitor,path=/run/covol/vm/web/qmp,server=on,wait=off",
            "-mon", "chardev=monitor,mode=control",
            "-chardev",
            "socket,id=console,path=/run/covol/vm/web/console,server=on,wait=off,logfile=/var/log/covol/vm/web.console.log,logappend=on",
            "-serial", "chardev:console",
            "-device", "pvpanic-pci",
            "-action", "panic=pause",
            "-blockdev",
            "node-name=disk0,driver=raw,size=33554432,cache.direct=on,file.driver=file,file.filename=/ClusterStorage/Volume1/a,,b.vhd,"
                + "file.cache.direct=on,file.aio=threads,file.locking=on",
            "-device", "virtio-blk-pci,drive=disk0,id=virtio0,bootindex=1,werror=stop,rerror=stop",
            "-blockdev",
            "node-name=disk1,driver=qcow2,cache.direct=on,file.driver=file,file.filename=/ClusterStorage/Volume1/data.qcow2,"
                + "file.cache.direct=on,file.aio=threads,file.locking=on",
            "-device", "virtio-blk-pci,drive=disk1,id=virtio1,bootindex=2,werror=stop,rerror=stop",
            "-kernel", "/boot/vmlinuz", "-initrd", "/boot/initrd", "-append", "console=ttyS0 quiet",
        ]);
    }

    [Fact]
    public void A_destination_is_the_same_machine_that_waits()
    {
        var source = QemuCommandLine.Build(s_machine, s_host, s_places, incoming: false);
        var destination = QemuCommandLine.Build(s_machine, s_host, s_places, incoming: true);

        destination.ShouldBe([.. source, "-incoming", "defer"]);
    }

    [Fact]
    public void With_KVM_the_memory_is_what_was_asked_for()
    {
        var line = QemuCommandLine.Build(s_machine, s_host with { Acceleration = Acceleration.Kvm }, s_places, incoming: false);

        line[line.ToList().IndexOf("-accel") + 1].ShouldBe("kvm");
        line[line.ToList().IndexOf("-m") + 1].ShouldBe("524288K");
        line[line.ToList().IndexOf("-cpu") + 1].ShouldBe("host");
    }

    [Theory]
    [InlineData(128 << 20, (128 << 20) + (8 << 10))]
    [InlineData((128 << 20) + 1, (128 << 20) + (8 << 10))]
    [InlineData((128 << 20) + (8 << 10), (128 << 20) + (8 << 10))]
    [InlineData((128 << 20) - 1, (128 << 20) + (8 << 10))]
    [InlineData((128 << 20) - (256 << 10) + 1, (128 << 20) - (256 << 10) + (8 << 10))]
    public void Under_translation_the_memory_is_never_a_multiple_of_256_KiB(long asked, long given) =>
        QemuCommandLine.MemoryFor(new ByteCount(asked), Acceleration.Tcg).ShouldBe(new ByteCount(given));

    [Fact]
    public void A_machine_that_cannot_run_is_refused_with_a_sentence()
    {
        s_machine.WhatIsWrong().ShouldBeNull();
        (s_machine with { Name = "../x" }).WhatIsWrong().ShouldNotBeNull();
        (s_machine with { Memory = ByteCount.FromMebibytes(1) }).WhatIsWrong().ShouldBe("A virtual machine needs at least 64 MiB of memory.");
        (s_machine with { Cpus = 0 }).WhatIsWrong().ShouldNotBeNull();
        (s_machine with { Disks = [], Kernel = null }).WhatIsWrong().ShouldNotBeNull();
        (s_places with { RunFolder = "/" + new string('x', 100) }).WhatIsWrong().ShouldNotBeNull();
    }

    [Fact]
    public void The_user_that_QEMU_runs_as_is_found_by_name()
    {
        string[] passwd = ["root:x:0:0:root:/root:/bin/bash", "covol-vm:x:998:997::/nonexistent:/usr/sbin/nologin", "broken"];

        HostSettings.FindUser(passwd, "covol-vm").ShouldBe(new QemuUser(998, 997));
        HostSettings.FindUser(passwd, "nobody").ShouldBeNull();
    }

    [Fact]
    public void QEMU_keeps_the_group_of_the_KVM_device_and_no_other()
    {
        string[] group = ["root:x:0:", "kvm:x:106:covol-vm", "broken"];

        HostSettings.FindGroup(group, "kvm").ShouldBe(106);
        HostSettings.FindGroup(group, "disk").ShouldBeNull();
        new QemuUser(998, 997) { KvmGroup = 106 }.Switch.ShouldContain("--groups=106");
        new QemuUser(998, 997).Switch.ShouldContain("--clear-groups");
    }
}
