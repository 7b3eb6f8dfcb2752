namespace Covol.Simulation;

/// <param name="Seed">Which world.</param>
/// <param name="Broken">The first invariant that did not hold, as a sentence; null when all did.</param>
/// <param name="TraceHash">Of every line of its trace; 0 where nobody read it.</param>
/// <param name="Events">Events carried out.</param>
/// <param name="Seconds">Virtual time.</param>
internal sealed record SeedResult(int Seed, string? Broken, ulong TraceHash, long Events, double Seconds);
