using Covol.Protocol.Units;
using Covol.VirtualMachines.Disks;

namespace Covol.VirtualMachines;

/// <summary>A kernel that QEMU starts directly, without a boot loader on the disk. Paths on the node that runs it.</summary>
public sealed record DirectKernel(string Kernel, string? InitialRamDisk, string Append);

/// <summary>What the guest sees. The same on both ends of a migration, except for the disks' folders.</summary>
/// <param name="Name">Unique in the cluster: letters, digits, '-', '_' and '.', at most 60.</param>
/// <param name="Id">Stays the same for the machine's life; the guest sees it as its SMBIOS uuid.</param>
/// <param name="Memory">What the administrator asked for; see <see cref="QemuCommandLine.MemoryFor"/> for what it gets.</param>
/// <param name="Cpus">Virtual processors.</param>
/// <param name="Disks">In the guest's order: vda, vdb, …</param>
/// <param name="Kernel">Null: the first bootable disk is started from.</param>
public sealed record VirtualMachineDefinition(
    string Name, Guid Id, ByteCount Memory, int Cpus, IReadOnlyList<DiskImage> Disks, DirectKernel? Kernel)
{
    public const int CpusMax = 255;
    public const int DisksMax = 16;
    public const int NameMax = 60;

    /// <summary>QEMU with a direct kernel needs about this much; less does not boot.</summary>
    public static readonly ByteCount MemoryMin = ByteCount.FromMebibytes(64);

    /// <summary>Null when it can run; else the sentence for the administrator.</summary>
    public string? WhatIsWrong() => this switch
    {
        _ when !IsName(Name) => $"'{Name}' is no name for a virtual machine: use letters, digits, '-', '_' and '.', at most {NameMax}.",
        _ when Memory < MemoryMin => $"A virtual machine needs at least {MemoryMin.Value >> 20} MiB of memory.",
        { Cpus: < 1 or > CpusMax } => $"A virtual machine has between 1 and {CpusMax} processors.",
        { Disks.Count: > DisksMax } => $"A virtual machine has at most {DisksMax} disks.",
        { Disks.Count: 0, Kernel: null } => "A virtual machine needs a disk or a kernel to start from.",
        _ => null,
    };

    private static bool IsName(string name) =>
        name.Length is > 0 and <= NameMax && char.IsAsciiLetterOrDigit(name[0])
        && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.');
}
