namespace Covol.Protocol.Control;

/// <summary>What a process has used since its start, for figures of what a request costs.</summary>
/// <param name="Collections">Garbage collections of all generations. The data path allocates nothing, so I/O alone causes none.</param>
/// <param name="ProcessorMicroseconds">Time of all its threads on processors, in user mode and in the kernel.</param>
public sealed record ProcessUse(int Collections, long ProcessorMicroseconds);
