using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>How a new volume is made.</summary>
public sealed record NtfsFormatOptions
{
    /// <summary>NTFS volume label, at most 32 UTF-16 units.</summary>
    public required string Label { get; init; }

    /// <summary>
    /// Bytes of the journal, a multiple of 1 MiB from 1 MiB to 1 GiB; null: 64 MiB, less on a LUN below 1 GiB (a sixteenth of
    /// it, at least 1 MiB).
    /// It bounds what one commit may change, and so how large the steps are in which files grow and are cut.
    /// </summary>
    public ByteCount? JournalLength { get; init; }

    /// <summary>
    /// Bytes of a cluster, a power of two from 4096 to 65536; null: 4096, or 65536 on a LUN of 16 TiB and more, since NTFS counts clusters
    /// with 32 bits.
    /// </summary>
    public int? ClusterSize { get; init; }

    /// <summary>
    /// Where the sparse image is made; null: the system's folder for temporary files, or memory (tmpfs) for a LUN larger than the files
    /// of ext4. What is written to it is 32 MiB a TiB, 2 MiB with large clusters.
    /// </summary>
    public string? TemporaryFolder { get; init; }
}
