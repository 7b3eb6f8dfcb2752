using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Journal;

/// <summary>
/// Begins a lap of the ring and carries the caller's whole state at that moment, so that both change in one checksummed write.
/// Two slots take turns; the valid one with the higher lap counts.
/// </summary>
/// <param name="Epoch">The coordinator's epoch that wrote it; all records of the lap carry the same one.</param>
/// <param name="Lap">Grows by one with each superblock.</param>
/// <param name="Checksum">Its own; the lap's first record carries it as its predecessor's.</param>
/// <param name="Guards">Fingerprint of the volume, see <see cref="GuardedSector"/>.</param>
/// <param name="State">The caller's whole state.</param>
/// <param name="Changes">State changes of earlier laps that are not folded into <paramref name="State"/> yet, in order.</param>
public sealed record JournalSuperblock(
    Epoch Epoch,
    long Lap,
    ulong Checksum,
    IReadOnlyList<GuardedSector> Guards,
    ReadOnlyMemory<byte> State,
    IReadOnlyList<ReadOnlyMemory<byte>> Changes)
{
    private const ulong Magic = 0x31_50_55_53_4C_56_4F_43; // "COVLSUP1"
    private const int ChecksumEnd = 16;
    private const int HeaderLength = 64;
    private const int GuardLength = 16;

    /// <summary>How many sectors may be guarded.</summary>
    public const int GuardsMax = 64;

    /// <summary>Bytes it takes, before rounding up to pages.</summary>
    public static long LengthOf(int guards, long stateLength, int changes, long changesLength) =>
        checked(HeaderLength + ((long)guards * GuardLength) + stateLength + (4L * changes) + changesLength);

    /// <summary>Writes it; returns the bytes to be put at the slot's begin, a multiple of a page, and their checksum.</summary>
    public static (byte[] Bytes, ulong Checksum) Encode(
        Epoch epoch,
        long lap,
        IReadOnlyList<GuardedSector> guards,
        ReadOnlySpan<byte> state,
        IReadOnlyList<ReadOnlyMemory<byte>> changes)
    {
        Invariant.Holds(guards.Count <= GuardsMax, "Too many sectors are guarded.");
        var length = LengthOf(guards.Count, state.Length, changes.Count, changes.Sum(change => (long)change.Length));
        var bytes = new byte[checked((int)JournalFormat.RoundUp(length))];
        var span = bytes.AsSpan();
        BinaryPrimitives.WriteUInt64LittleEndian(span, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(span[16..], bytes.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(span[20..], JournalFormat.Version);
        BinaryPrimitives.WriteInt64LittleEndian(span[24..], epoch.Value);
        BinaryPrimitives.WriteInt64LittleEndian(span[32..], lap);
        BinaryPrimitives.WriteInt32LittleEndian(span[40..], guards.Count);
        BinaryPrimitives.WriteInt32LittleEndian(span[44..], state.Length);
        BinaryPrimitives.WriteInt32LittleEndian(span[48..], changes.Count);
        var rest = span[HeaderLength..];
        foreach (var guard in guards)
        {
            BinaryPrimitives.WriteInt64LittleEndian(rest, guard.Place.Value);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[8..], guard.Checksum);
            rest = rest[GuardLength..];
        }

        state.CopyTo(rest);
        rest = rest[state.Length..];
        foreach (var change in changes)
        {
            BinaryPrimitives.WriteInt32LittleEndian(rest, change.Length);
            change.Span.CopyTo(rest[4..]);
            rest = rest[(4 + change.Length)..];
        }

        var checksum = Checksum64.Of(span[ChecksumEnd..]);
        BinaryPrimitives.WriteUInt64LittleEndian(span[8..], checksum);
        return (bytes, checksum);
    }

    /// <summary>Reads a slot. False where no whole superblock of this version lies.</summary>
    public static bool TryRead(ReadOnlySpan<byte> slot, [NotNullWhen(true)] out JournalSuperblock? superblock)
    {
        superblock = null;
        if (slot.Length < JournalFormat.PageSize || BinaryPrimitives.ReadUInt64LittleEndian(slot) != Magic
            || BinaryPrimitives.ReadUInt32LittleEndian(slot[20..]) != JournalFormat.Version)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(slot[16..]);
        if (length < JournalFormat.PageSize || length > slot.Length
            || Checksum64.Of(slot[ChecksumEnd..length]) != BinaryPrimitives.ReadUInt64LittleEndian(slot[8..]))
        {
            return false;
        }

        return TryReadParts(slot[..length], out superblock);
    }

    private static bool TryReadParts(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out JournalSuperblock? superblock)
    {
        superblock = null;
        var guardCount = BinaryPrimitives.ReadInt32LittleEndian(bytes[40..]);
        var stateLength = BinaryPrimitives.ReadInt32LittleEndian(bytes[44..]);
        var changeCount = BinaryPrimitives.ReadInt32LittleEndian(bytes[48..]);
        if (guardCount is < 0 or > GuardsMax || stateLength < 0 || changeCount < 0
            || LengthOf(guardCount, stateLength, changeCount, 0) > bytes.Length)
        {
            return false;
        }

        var rest = bytes[HeaderLength..];
        var guards = new GuardedSector[guardCount];
        for (var index = 0; index < guardCount; index++)
        {
            guards[index] = new GuardedSector(
                new LunByteOffset(BinaryPrimitives.ReadInt64LittleEndian(rest)), BinaryPrimitives.ReadUInt64LittleEndian(rest[8..]));
            rest = rest[GuardLength..];
        }

        var state = rest[..stateLength].ToArray();
        rest = rest[stateLength..];
        var changes = new ReadOnlyMemory<byte>[changeCount];
        for (var index = 0; index < changeCount; index++)
        {
            if (rest.Length < 4 || BinaryPrimitives.ReadInt32LittleEndian(rest) is var length && (length < 0 || length > rest.Length - 4))
            {
                return false;
            }

            changes[index] = rest.Slice(4, length).ToArray();
            rest = rest[(4 + length)..];
        }

        superblock = new JournalSuperblock(
            new Epoch(BinaryPrimitives.ReadInt64LittleEndian(bytes[24..])),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
            guards,
            state,
            changes);
        return true;
    }
}
