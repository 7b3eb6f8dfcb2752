namespace Covol.VirtualMachines.Console;

/// <summary>A line the guest wrote to its serial console, without its end, and when it was read here.</summary>
public sealed record ConsoleLine(DateTimeOffset At, string Text);
