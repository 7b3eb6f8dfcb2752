using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>Where a file's data lies. Taken on the metadata thread; a copy, so it may be read anywhere.</summary>
/// <param name="Extents">Sorted by file offset, adjacent runs merged; holes are missing. LUN offsets, not clusters.</param>
/// <param name="ValidLength">NTFS's initialized size: bytes past it read as zero, whatever the LUN holds.</param>
/// <param name="Size">Data size.</param>
/// <param name="Allocated">Bytes allocated; at least <paramref name="Size"/> unless there are holes.</param>
public sealed record FileMap(IReadOnlyList<FileExtent> Extents, ByteCount ValidLength, ByteCount Size, ByteCount Allocated)
{
    /// <summary>It lies in its MFT record, where no block of the LUN is its own.</summary>
    public bool IsResident { get; init; }

    /// <summary>
    /// Windows compressed it: its clusters are not its data, so it has no extents here. Read it by <see cref="IEngineReads"/>; it cannot be
    /// written.
    /// </summary>
    public bool IsCompressed { get; init; }
}
