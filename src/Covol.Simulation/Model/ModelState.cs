using System.Collections.Immutable;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Simulation.Model;

/// <summary>One inode of the model namespace. Clusters are listed one by one: the n-th is the file's n-th, or a hole.</summary>
internal sealed record ModelInode
{
    /// <summary>In place of a cluster.</summary>
    public const int Hole = -1;

    public required FileId File { get; init; }

    public required FileKind Kind { get; init; }

    public int Mode { get; init; }

    public int LinkCount { get; init; } = 1;

    public long Size { get; init; }

    public long ValidLength { get; init; }

    /// <summary>Room behind the size that a program asked for; 0: none.</summary>
    public long KeptRoom { get; init; }

    public FileTime Modified { get; init; }

    public ImmutableArray<int> Clusters { get; init; } = [];

    /// <summary>Names of a directory.</summary>
    public ImmutableSortedDictionary<string, ulong> Names { get; init; } = s_noNames;

    private static readonly ImmutableSortedDictionary<string, ulong> s_noNames =
        ImmutableSortedDictionary.Create<string, ulong>(StringComparer.Ordinal);
}

/// <summary>All of a model volume at one moment; never changed, so a commit keeps it as it is.</summary>
internal sealed record ModelState
{
    public ImmutableDictionary<ulong, ModelInode> Inodes { get; init; } = ImmutableDictionary<ulong, ModelInode>.Empty;

    /// <summary>What was freed last is taken first: the quickest reuse shows the most.</summary>
    public ImmutableStack<int> Free { get; init; } = [];

    public int FreeCount { get; init; }

    public ImmutableSortedSet<ulong> Orphans { get; init; } = [];

    public ulong LastRecord { get; init; }
}
