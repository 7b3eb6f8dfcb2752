namespace Covol.Lab.Bench;

/// <summary>Something to measure: a folder or, of an export that has no folders, one file.</summary>
/// <param name="Name">As it appears in tables and JSON.</param>
/// <param name="Folder">Where files may be made; null: only <paramref name="OnlyFile"/> is there.</param>
/// <param name="OnlyFile">Null: files are made in the folder.</param>
/// <param name="Node">The node whose mount process serves it; null: none of Covol's.</param>
internal sealed record BenchTarget(string Name, string? Folder, string? OnlyFile, int? Node)
{
    /// <summary>The file of valid data.</summary>
    public string DataFile => OnlyFile ?? $"{Folder}/covol-bench-data";

    public bool Takes(BenchCase workload) => Folder is not null || workload is FioCase { IsNewFile: false };
}
