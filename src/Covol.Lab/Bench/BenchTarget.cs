namespace Covol.Lab.Bench;

/// <summary>Something to measure: folders or, of an export that has no folders, one file.</summary>
/// <param name="Name">As it appears in tables and JSON.</param>
/// <param name="Folders">Where files may be made: one, or the same one on two nodes. Empty: only <paramref name="OnlyFile"/> is there.</param>
/// <param name="OnlyFile">Null: files are made in the folders.</param>
/// <param name="Nodes">The nodes whose mount processes serve it; empty: none of Covol's.</param>
internal sealed record BenchTarget(string Name, IReadOnlyList<string> Folders, string? OnlyFile, IReadOnlyList<int> Nodes)
{
    /// <summary>The folder of its first node.</summary>
    public string Folder => Folders[0];

    /// <summary>
    /// Another target and the same folder as that one's node sees it: it makes what this one shall not have seen. Null: what was seen is
    /// forgotten by dropping the machine's caches.
    /// </summary>
    public (string Name, string Folder)? Elsewhere { get; init; }

    /// <summary>The file of valid data, as its first node sees it.</summary>
    public string DataFile => OnlyFile ?? DataFileOf(0);

    /// <summary>The same file, as another side sees it.</summary>
    public string DataFileOf(int side) => $"{FolderOf(side)}/covol-bench-data";

    /// <summary>A second one.</summary>
    public string SecondDataFileOf(int side) => $"{FolderOf(side)}/covol-bench-data-2";

    /// <summary>Where one of two things that are done at once is done: on the other node, where there are two.</summary>
    public string FolderOf(int side) => Folders[side % Folders.Count];

    /// <summary>
    /// Two nodes take what is done on two nodes, and nothing else; for comparison one node takes it too, but not both of them.
    /// </summary>
    public bool Takes(BenchCase workload) => workload switch
    {
        _ when Folders.Count == 0 => workload is FioCase { Files: FioFiles.One },
        { IsOnTwoNodes: true } => Folders.Count > 1 || Nodes.Count == 0 || Name == NodeName,
        _ => Folders.Count == 1,
    };

    /// <summary>The node that does not coordinate: what is wanted is wanted of it.</summary>
    public const string NodeName = "node";
}
