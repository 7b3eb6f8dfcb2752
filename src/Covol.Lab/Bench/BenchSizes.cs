namespace Covol.Lab.Bench;

/// <summary>How much <c>covol bench</c> does.</summary>
/// <param name="Rounds">Alternating runs of each target.</param>
/// <param name="Seconds">Length of a run.</param>
/// <param name="FileBytes">The file, or each of two, that requests go to; a multiple of 2 MiB.</param>
/// <param name="TreeFiles">Files of the tree.</param>
public sealed record BenchSizes(int Rounds, int Seconds, long FileBytes, int TreeFiles)
{
    public static BenchSizes Default { get; } = new(5, 3, 1L << 30, 10_000);
}
