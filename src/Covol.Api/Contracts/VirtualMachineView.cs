namespace Covol.Api.Contracts;

/// <summary>A virtual machine role.</summary>
/// <param name="Name">Its name.</param>
/// <param name="State"><c>Stopped</c>, <c>Starting</c>, <c>Running</c>, <c>Paused</c>, <c>Migrating</c>, <c>Stopping</c> or <c>Failed</c>.</param>
/// <param name="Reason">Why it is not Running or Stopped.</param>
/// <param name="Node">Where it runs or last ran.</param>
/// <param name="MemoryBytes">Guest memory.</param>
/// <param name="Cpus">Virtual processors.</param>
/// <param name="Disks">Paths below the namespace root, e.g. <c>Volume1/x.vhd</c>.</param>
/// <param name="ConsoleLog">File on its node that holds what the guest wrote to its serial port.</param>
public sealed record VirtualMachineView(
    string Name,
    string State,
    string Reason,
    string Node,
    long MemoryBytes,
    int Cpus,
    IReadOnlyList<string> Disks,
    string ConsoleLog);
