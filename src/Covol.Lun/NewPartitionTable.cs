using System.Buffers.Binary;
using System.Text;
using Covol.Protocol.Units;

namespace Covol.Lun;

/// <summary>
/// Makes a GUID partition table with one partition for NTFS (UEFI specification 2.10, chapter 5): protective MBR, both headers, 128 entries.
/// The partition begins at 1 MiB and has whole MiB, as every system's own tools make it. Blocks the caller; nobody else uses the LUN.
/// <code>
///   | MBR | header | entries | ... 1 MiB | partition ... | rest of a MiB | entries | header |
/// </code>
/// </summary>
public static class NewPartitionTable
{
    private const int Alignment = 1 << 20;
    private const int EntryLength = 128;
    private const int EntryCount = 128;
    private const int EntriesLength = EntryLength * EntryCount;
    private const int HeaderLength = 92;
    private const int NameLengthMax = 36;
    private const int Revision = 0x10000;

    /// <summary>In the master boot record: its one entry, and the type of it that protects a GPT.</summary>
    private const int MbrEntry = 446;
    private const byte ProtectiveType = 0xEE;

    private static readonly Guid s_basicData = new("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7");

    /// <summary>
    /// Where the partition will be. Throws <see cref="LunException"/> with a sentence where there is no room for one, or the LUN's blocks are
    /// of a size that no table is read with.
    /// </summary>
    public static Partition PlaceOn(IBlockDevice lun)
    {
        ArgumentNullException.ThrowIfNull(lun);
        if (lun.BlockSize is not (512 or 4096))
        {
            throw new LunException(
                LunError.NotFound, $"The LUN has blocks of {lun.BlockSize} bytes; a partition table needs 512 or 4096. Leave out --gpt.");
        }

        var end = LastUsable(lun) + 1;
        var length = (end * lun.BlockSize / Alignment * Alignment) - Alignment;
        return length > 0
            ? new Partition(1, new LunByteOffset(Alignment), new ByteCount(length), HoldsNtfs: false)
            : throw new LunException(LunError.NotFound, $"A LUN of {lun.Size} has no room for a partition table and a volume.");
    }

    /// <summary>Takes away what an older table, or a file system without one, begins and ends with. Stable when it returns.</summary>
    public static void ClearAround(IBlockDevice lun, Partition partition)
    {
        ArgumentNullException.ThrowIfNull(lun);
        ArgumentNullException.ThrowIfNull(partition);
        var end = partition.Start + partition.Length;
        lun.WriteZeroes(default, new ByteCount(partition.Start.Value));
        lun.WriteZeroes(end, new ByteCount(lun.Size.Value - end.Value));
        lun.Flush();
    }

    /// <summary>
    /// Writes the table, the second copy first and the master boot record last: cut on the way it is none. Stable when it returns.
    /// </summary>
    /// <param name="lun">The whole LUN.</param>
    /// <param name="partition">From <see cref="PlaceOn"/>.</param>
    /// <param name="disk">A new id for the disk.</param>
    /// <param name="unique">A new id for the partition.</param>
    /// <param name="name">For people; what is longer than 36 UTF-16 units is left out.</param>
    public static void Write(IBlockDevice lun, Partition partition, Guid disk, Guid unique, string name)
    {
        ArgumentNullException.ThrowIfNull(lun);
        ArgumentNullException.ThrowIfNull(partition);
        ArgumentNullException.ThrowIfNull(name);
        var (sector, last) = (lun.BlockSize, Sectors(lun) - 1);
        var entries = new byte[EntriesLength];
        s_basicData.TryWriteBytes(entries);
        unique.TryWriteBytes(entries.AsSpan(16));
        BinaryPrimitives.WriteInt64LittleEndian(entries.AsSpan(32), partition.Start.Value / sector);
        BinaryPrimitives.WriteInt64LittleEndian(entries.AsSpan(40), ((partition.Start + partition.Length).Value / sector) - 1);
        Encoding.Unicode.GetBytes(name.AsSpan(0, Math.Min(name.Length, NameLengthMax)), entries.AsSpan(56));

        WriteHeader(lun, disk, entries, place: last, other: 1, table: last - (EntriesLength / sector));
        WriteHeader(lun, disk, entries, place: 1, other: last, table: 2);
        var head = new byte[sector];
        head[MbrEntry + 2] = 2;
        head[MbrEntry + 4] = ProtectiveType;
        head.AsSpan(MbrEntry + 5, 3).Fill(0xFF);
        BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(MbrEntry + 8), 1);
        BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(MbrEntry + 12), (uint)Math.Min(last, uint.MaxValue));
        (head[510], head[511]) = (0x55, 0xAA);
        lun.Write(default, head);
        lun.Flush();
    }

    private static long Sectors(IBlockDevice lun) => lun.Size.Value / lun.BlockSize;

    private static long LastUsable(IBlockDevice lun) => Sectors(lun) - 2 - (EntriesLength / lun.BlockSize);

    private static void WriteHeader(IBlockDevice lun, Guid disk, byte[] entries, long place, long other, long table)
    {
        var sector = lun.BlockSize;
        var header = new byte[sector];
        "EFI PART"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Revision);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), HeaderLength);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), place);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), other);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), 2 + (EntriesLength / sector));
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(48), LastUsable(lun));
        disk.TryWriteBytes(header.AsSpan(56));
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(72), table);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(80), EntryCount);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(84), EntryLength);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(88), Crc32.Of(entries));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(16), Crc32.Of(header.AsSpan(0, HeaderLength)));
        lun.Write(new LunByteOffset(table * sector), entries);
        lun.Write(new LunByteOffset(place * sector), header);
        lun.Flush();
    }
}
