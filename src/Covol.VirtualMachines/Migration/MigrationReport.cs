using Covol.Protocol.Migration;

namespace Covol.VirtualMachines.Migration;

/// <summary>A signal of one end, with the time of the host it happened on. Flat, so that it can cross HTTP.</summary>
/// <param name="Signal">What happened.</param>
/// <param name="At">By the wall clock of that end's host.</param>
/// <param name="Detail">QEMU's own words on a failure; else empty.</param>
public sealed record MigrationReport(MigrationSignal Signal, DateTimeOffset At, string Detail);
