namespace Covol.Growth;

/// <summary>How far it grows, and how often each operation is measured.</summary>
/// <param name="Sessions">Steps, rising.</param>
/// <param name="OpenFiles">Steps, rising.</param>
/// <param name="Extents">Steps, rising.</param>
/// <param name="Reads">Operations that change nothing, a figure.</param>
/// <param name="Changes">Operations that commit, a figure.</param>
internal sealed record GrowthSizes(
    IReadOnlyList<int> Sessions, IReadOnlyList<int> OpenFiles, IReadOnlyList<int> Extents, int Reads, int Changes)
{
    /// <summary>As many nodes as a volume has, and what the largest of them hold.</summary>
    public static GrowthSizes Full { get; } = new(
        [1, 2, 4, 8, 16, 32, 64], [1_000, 2_000, 4_000, 8_000], [1_000, 10_000, 100_000], Reads: 400, Changes: 40);

    /// <summary>Everything once, to see that it works. Files of fewer pieces would be too small for a layout.</summary>
    public static GrowthSizes Quick { get; } = new([1, 3], [20, 40], [20, 2_000], Reads: 5, Changes: 3);
}
