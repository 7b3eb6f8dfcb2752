using Covol.Simulation.Parts;

namespace Covol.Simulation;

/// <param name="Name">For <c>--without</c>.</param>
/// <param name="Seed">The first of the worlds of this version that misses the rule.</param>
/// <param name="Rule">Of SAFETY.</param>
/// <param name="Rules">All but this one.</param>
internal sealed record Mutation(string Name, int Seed, string Rule, Rules Rules);
