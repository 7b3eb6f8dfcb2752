namespace Covol.VirtualMachines;

/// <summary>Why a virtual machine's process ended, as far as it said.</summary>
/// <param name="Reason">QEMU's word from its SHUTDOWN event (guest-shutdown, guest-reset, host-qmp-quit, host-signal, …), or
/// null when
/// it died without one: killed or crashed.</param>
/// <param name="ByGuest">The guest asked for it.</param>
public sealed record VirtualMachineEnd(string? Reason, bool ByGuest);
