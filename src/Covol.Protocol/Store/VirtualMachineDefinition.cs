namespace Covol.Protocol.Store;

/// <summary>What a virtual machine is made of.</summary>
/// <param name="Name">Its name: letters, digits, '-' and '_'.</param>
/// <param name="MemoryBytes">Size of its memory.</param>
/// <param name="Processors">Virtual processors.</param>
/// <param name="Disks">Disk files below the namespace, e.g. <c>Volume1/vm1.vhd</c>: each node resolves them by itself.</param>
/// <param name="Kernel">A kernel to boot directly; null: firmware and the first disk.</param>
/// <param name="Initrd">Initial RAM disk for the kernel.</param>
/// <param name="Append">Kernel command line.</param>
public sealed record VirtualMachineDefinition(
    string Name, long MemoryBytes, int Processors, IReadOnlyList<string> Disks, string? Kernel, string? Initrd, string? Append);
