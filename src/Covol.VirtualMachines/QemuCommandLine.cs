using System.Globalization;
using Covol.Protocol.Units;
using Covol.VirtualMachines.Disks;

namespace Covol.VirtualMachines;

/// <summary>The arguments QEMU is started with. Pure: the same definition and host give the same line on both ends of a
/// migration,
/// which is what QEMU asks for.</summary>
public static class QemuCommandLine
{
    /// <summary>Below this QEMU rounds memory sizes up (8 KiB, seen with 7.2).</summary>
    private const long MemoryStepBytes = 8 << 10;

    /// <summary>QEMU 7.2 under TCG loses guest pages in a live migration when the memory is a multiple of this: its fast path
    /// over whole
    /// words of the dirty bitmap (64 pages) forgets the translator's TLB. Upstream commit 03bfc2188f06 mends it (QEMU
    /// 9.0).</summary>
    private const long TcgUnsafeMultipleBytes = 256 << 10;

    /// <summary>The program and its arguments, QEMU itself at the end of what switches the user.</summary>
    public static IReadOnlyList<string> Build(
        VirtualMachineDefinition machine, HostSettings host, VirtualMachinePlaces places, bool incoming)
    {
        List<string> line = [];
        if (host.User is { } user)
        {
            line.AddRange(user.Switch);
        }

        line.AddRange([
            host.Qemu,
            "-name", $"guest={machine.Name}",
            "-uuid", machine.Id.ToString("D"),
            "-M", "pc",
            "-accel", host.Acceleration == Acceleration.Kvm ? "kvm" : "tcg,thread=single",
            "-m", $"{Number(MemoryFor(machine.Memory, host.Acceleration).Value >> 10)}K",
            "-smp", Number(machine.Cpus),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-pidfile", places.ProcessIdFile,
            "-chardev", $"socket,id=monitor,path={Escape(places.Monitor)},server=on,wait=off",
            "-mon", "chardev=monitor,mode=control",
            "-chardev", $"socket,id=console,path={Escape(places.Console)},server=on,wait=off,"
                + $"logfile={Escape(places.ConsoleLog)},logappend=on",
            "-serial", "chardev:console",
            "-device", "pvpanic-pci",
            "-action", "panic=pause"]);
        if (host.Acceleration == Acceleration.Kvm)
        {
            line.AddRange(["-cpu", "host"]);
        }

        for (var index = 0; index < machine.Disks.Count; index++)
        {
            line.AddRange(["-blockdev", BlockDevice(index, machine.Disks[index], host.Submission)]);
            line.AddRange([
                "-device",
                $"virtio-blk-pci,drive=disk{Number(index)},id=virtio{Number(index)},bootindex={Number(index + 1)},"
                + "werror=stop,rerror=stop"]);
        }

        if (machine.Kernel is { } kernel)
        {
            line.AddRange(["-kernel", kernel.Kernel]);
            if (kernel.InitialRamDisk is { } initialRamDisk)
            {
                line.AddRange(["-initrd", initialRamDisk]);
            }

            line.AddRange(["-append", kernel.Append]);
        }

        if (incoming)
        {
            line.AddRange(["-incoming", "defer"]);
        }

        return line;
    }

    /// <summary>The memory that the guest really gets.</summary>
    public static ByteCount MemoryFor(ByteCount wanted, Acceleration acceleration)
    {
        var rounded = checked(wanted.Value + MemoryStepBytes - 1) / MemoryStepBytes * MemoryStepBytes;
        return acceleration == Acceleration.Tcg && rounded % TcgUnsafeMultipleBytes == 0
            ? new ByteCount(checked(rounded + MemoryStepBytes))
            : new ByteCount(rounded);
    }

    private static string BlockDevice(int index, DiskImage disk, DiskSubmission submission)
    {
        var (driver, size) = disk.Format switch
        {
            DiskFormat.Raw => ("raw", ""),
            DiskFormat.FixedVhd => ("raw", $",size={Number(disk.VirtualSize.Value)}"),
            DiskFormat.Qcow2 => ("qcow2", ""),
            _ => throw new ArgumentOutOfRangeException(nameof(disk), disk.Format, "A disk format without a driver."),
        };
        var aio = submission == DiskSubmission.IoUring ? "io_uring" : "threads";
        return $"node-name=disk{Number(index)},driver={driver}{size},cache.direct=on,file.driver=file,"
            + $"file.filename={Escape(disk.Path)},file.cache.direct=on,file.aio={aio},file.locking=on";
    }

    /// <summary>A comma ends a value in QEMU's options; a doubled one is a comma.</summary>
    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
