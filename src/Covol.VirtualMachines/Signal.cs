namespace Covol.VirtualMachines;

/// <summary>Signals of Linux that are sent here; numbers of signal(7).</summary>
internal enum Signal
{
    Kill = 9,
    Terminate = 15,
}
