using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Covol.Protocol.Ids;

namespace Covol.Protocol.Journal;

/// <summary>
/// One commit as it lies in the ring: header, page numbers, the caller's state, padding to a page, then the pages. It is
/// chained: it carries its predecessor's checksum (the first of a lap carries the superblock's).
/// </summary>
/// <param name="Epoch">The coordinator's epoch that wrote it.</param>
/// <param name="Lap">The lap of the ring it belongs to.</param>
/// <param name="Sequence">Its number within the lap, from 1.</param>
/// <param name="Predecessor">Checksum of what comes before it.</param>
/// <param name="Checksum">Its own, over all bytes after the checksum.</param>
/// <param name="Length">Bytes it takes in the ring, a multiple of a page.</param>
/// <param name="Pages">LUN page numbers (units of 4 KiB), ascending, each once.</param>
/// <param name="StateLength">Bytes of the caller's state.</param>
public sealed record JournalRecord(
    Epoch Epoch, long Lap, long Sequence, ulong Predecessor, ulong Checksum, int Length, IReadOnlyList<long> Pages, int StateLength)
{
    private const ulong Magic = 0x31_43_45_52_4C_56_4F_43; // "COVLREC1"
    private const int ChecksumEnd = 16;
    private const int HeaderLength = 64;

    /// <summary>Bytes a record with so many pages and so much state takes.</summary>
    public static long LengthOf(long pageCount, long stateLength) =>
        checked(JournalFormat.RoundUp(HeaderLength + (pageCount * 8) + stateLength) + (pageCount * JournalFormat.PageSize));

    /// <summary>The bytes of the caller's state within the record's bytes.</summary>
    public ReadOnlySpan<byte> StateIn(ReadOnlySpan<byte> bytes) => bytes.Slice(HeaderLength + (Pages.Count * 8), StateLength);

    /// <summary>The content of one page within the record's bytes.</summary>
    public ReadOnlySpan<byte> PageIn(ReadOnlySpan<byte> bytes, int index) => bytes.Slice(
        (int)JournalFormat.RoundUp(HeaderLength + (Pages.Count * 8) + StateLength) + (index * JournalFormat.PageSize),
        JournalFormat.PageSize);

    /// <summary>Where a page's content goes in a buffer that <see cref="Seal"/> will complete.</summary>
    public static Span<byte> PageSlot(Span<byte> target, int pageCount, int stateLength, int index) => target.Slice(
        (int)JournalFormat.RoundUp(HeaderLength + (pageCount * 8) + stateLength) + (index * JournalFormat.PageSize),
        JournalFormat.PageSize);

    /// <summary>
    /// Writes header, page numbers and state, and sums it all up. The pages are in their slots already. Returns the checksum,
    /// which
    /// the next record carries.
    /// </summary>
    public static ulong Seal(
        Span<byte> target, Epoch epoch, long lap, long sequence, ulong predecessor, ReadOnlySpan<long> pages, ReadOnlySpan<byte> state)
    {
        Invariant.Holds(target.Length == LengthOf(pages.Length, state.Length), "A journal record's buffer has the wrong length.");
        var head = target[..(int)JournalFormat.RoundUp(HeaderLength + (pages.Length * 8) + state.Length)];
        head.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(head, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(head[16..], target.Length);
        BinaryPrimitives.WriteInt32LittleEndian(head[20..], pages.Length);
        BinaryPrimitives.WriteInt32LittleEndian(head[24..], state.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[28..], JournalFormat.Version);
        BinaryPrimitives.WriteInt64LittleEndian(head[32..], epoch.Value);
        BinaryPrimitives.WriteInt64LittleEndian(head[40..], lap);
        BinaryPrimitives.WriteInt64LittleEndian(head[48..], sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(head[56..], predecessor);
        for (var index = 0; index < pages.Length; index++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(head[(HeaderLength + (index * 8))..], pages[index]);
        }

        state.CopyTo(head[(HeaderLength + (pages.Length * 8))..]);
        var checksum = Checksum64.Of(target[ChecksumEnd..]);
        BinaryPrimitives.WriteUInt64LittleEndian(head[8..], checksum);
        return checksum;
    }

    /// <summary>How long the record that begins here claims to be; null where none begins or the claim cannot be true.</summary>
    public static int? ClaimedLength(ReadOnlySpan<byte> firstPage, long lengthMax)
    {
        if (firstPage.Length < HeaderLength || BinaryPrimitives.ReadUInt64LittleEndian(firstPage) != Magic)
        {
            return null;
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(firstPage[16..]);
        return length >= JournalFormat.PageSize && length % JournalFormat.PageSize == 0 && length <= lengthMax ? length : null;
    }

    /// <summary>
    /// Reads a record whose bytes are all there. False for anything that is not a whole, well-formed record of this version;
    /// the chain is the caller's to check.
    /// </summary>
    /// <param name="bytes">The record, from its first byte to its last.</param>
    /// <param name="verifyChecksum">Off only in the crash tests' control that shows what the checksum is for.</param>
    /// <param name="record">The record.</param>
    public static bool TryRead(ReadOnlySpan<byte> bytes, bool verifyChecksum, [NotNullWhen(true)] out JournalRecord? record)
    {
        record = null;
        if (ClaimedLength(bytes, bytes.Length) != bytes.Length
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]) != JournalFormat.Version)
        {
            return false;
        }

        var pageCount = BinaryPrimitives.ReadInt32LittleEndian(bytes[20..]);
        var stateLength = BinaryPrimitives.ReadInt32LittleEndian(bytes[24..]);
        var checksum = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
        if (pageCount < 0 || stateLength < 0 || LengthOf(pageCount, stateLength) != bytes.Length
            || (verifyChecksum && Checksum64.Of(bytes[ChecksumEnd..]) != checksum))
        {
            return false;
        }

        var pages = new long[pageCount];
        for (var index = 0; index < pageCount; index++)
        {
            pages[index] = BinaryPrimitives.ReadInt64LittleEndian(bytes[(HeaderLength + (index * 8))..]);
        }

        record = new JournalRecord(
            new Epoch(BinaryPrimitives.ReadInt64LittleEndian(bytes[32..])),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[48..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[56..]),
            checksum,
            bytes.Length,
            pages,
            stateLength);
        return true;
    }
}
