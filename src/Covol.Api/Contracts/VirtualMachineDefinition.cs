namespace Covol.Api.Contracts;

/// <summary>What to run, wherever it runs.</summary>
/// <param name="Name">1 to 63 letters, digits, '-' or '_'.</param>
/// <param name="MemoryBytes">Guest memory.</param>
/// <param name="Cpus">Virtual processors.</param>
/// <param name="Disks">Paths below the namespace root, e.g. <c>Volume1/x.vhd</c>.</param>
/// <param name="Kernel">A kernel to boot directly; the same path on every node.</param>
/// <param name="Initrd">Its initial RAM disk.</param>
/// <param name="Append">Its command line.</param>
public sealed record VirtualMachineDefinition(
    string Name,
    long MemoryBytes,
    int Cpus,
    IReadOnlyList<string> Disks,
    string? Kernel,
    string? Initrd,
    string? Append);
