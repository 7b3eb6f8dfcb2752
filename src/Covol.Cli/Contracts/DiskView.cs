namespace Covol.Cli.Contracts;

/// <summary>A virtual disk's file.</summary>
/// <param name="Path">The file.</param>
/// <param name="Format"><c>vhd</c> (fixed), <c>raw</c>, <c>qcow2</c>, or a format no virtual machine here takes, as QEMU calls it.</param>
/// <param name="VirtualBytes">What the guest sees.</param>
/// <param name="AllocatedBytes">What the file takes.</param>
/// <param name="Usable">A virtual machine can have it as a disk as it is.</param>
/// <param name="Reason">Why not, and the command that makes one it can have; empty when it is usable.</param>
internal sealed record DiskView(string Path, string Format, long VirtualBytes, long AllocatedBytes, bool Usable, string Reason);
