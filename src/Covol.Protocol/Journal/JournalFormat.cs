namespace Covol.Protocol.Journal;

/// <summary>Constants of the journal's on-disk format, version 1 (docs/internals/journal.md has the picture). All numbers are
/// little-endian.</summary>
public static class JournalFormat
{
    /// <summary>Unit of the overlay and of all journal I/O, in bytes.</summary>
    public const int PageSize = 4096;

    public const int SectorSize = 512;

    public const uint Version = 1;

    /// <summary>Smallest journal: below it a group of directory operations would not fit.</summary>
    public const long LengthMin = 1 << 20;

    /// <summary>Largest journal; a record's length is 32 bits.</summary>
    public const long LengthMax = 1L << 30;

    /// <summary>
    /// Bytes of each of the two superblock slots, which hold the caller's whole state too: an eighth of the journal, in pages.
    /// The rest is the ring.
    /// </summary>
    public static int SlotLength(long journalLength) => (int)RoundDown(journalLength / 8);

    /// <summary>Bytes of the ring.</summary>
    public static long RingLength(long journalLength) => journalLength - (2L * SlotLength(journalLength));

    public static long RoundUp(long bytes) => checked(bytes + PageSize - 1) & ~(PageSize - 1L);

    public static long RoundDown(long bytes) => bytes & ~(PageSize - 1L);
}
