using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>How a volume that holds files is taken over.</summary>
public sealed record NtfsAdoptionOptions
{
    public static NtfsAdoptionOptions Default { get; } = new();

    /// <summary>
    /// Bytes of the journal, whole MiB from 1 MiB to 1 GiB, in one piece; null: as for a new volume, down to 8 MiB where the free
    /// clusters lie in smaller pieces.
    /// </summary>
    public ByteCount? JournalLength { get; init; }
}
