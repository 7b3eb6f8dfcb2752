using System.Buffers.Binary;
using Covol.Protocol.Units;

namespace Covol.Lun;

/// <summary>
/// A GUID partition table (UEFI specification 2.10, chapter 5), read and checked as a whole: both headers, both checksums of each, no
/// entry over another. Never written.
/// </summary>
public sealed class PartitionTable
{
    /// <summary>What a volume needs of its place: a page of the journal must not share a block with another partition (SAFETY 15).</summary>
    private const int AlignmentMin = 4096;

    private const int MbrLength = 512;
    private const int HeaderLengthMin = 92;
    private const int EntryLengthMin = 128;
    private const int EntryLengthMax = 4096;
    private const int EntriesMax = 1024;
    private const byte ProtectiveType = 0xEE;
    private const string Repair = "Repair the table (gdisk, sfdisk), or name another LUN.";

    private static readonly Guid s_basicData = new("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7");

    private readonly IReadOnlyList<Partition> _partitions;

    private PartitionTable(IReadOnlyList<Partition> partitions) => _partitions = partitions;

    /// <summary>
    /// Null where the LUN has no GPT: it is empty, or a file system begins at its first byte. Throws <see cref="LunException"/> with a
    /// sentence where the table is damaged. Reads only.
    /// </summary>
    public static PartitionTable? Read(IBlockDevice lun)
    {
        ArgumentNullException.ThrowIfNull(lun);
        if (lun.Size.Value < 64 << 10)
        {
            return null;
        }

        var head = Bytes(lun, 0, 2 * AlignmentMin);
        if (IsNtfs(head) || !IsProtective(head))
        {
            return null;
        }

        var sector = IsHeader(head.AsSpan(512)) ? 512
            : IsHeader(head.AsSpan(4096)) ? 4096
            : throw Damaged("its first header is not there");
        var primary = Header.Read(lun, sector, 1);
        var backup = Header.Read(lun, sector, primary.Other);
        if (backup.Other != 1 || backup.EntriesChecksum != primary.EntriesChecksum || backup.Disk != primary.Disk)
        {
            throw Damaged("its two copies differ");
        }

        return new PartitionTable(Entries(lun, sector, primary));
    }

    /// <summary>The partition to be used when nobody named one. Throws <see cref="LunException"/> with a sentence unless there is one.</summary>
    public Partition OnlyNtfs() => _partitions.Where(partition => partition.HoldsNtfs).ToList() switch
    {
        [var only] => only,
        [] => throw new LunException(
            LunError.NotFound,
            $"The LUN has a GPT with {_partitions.Count} partitions, none of which holds NTFS. To lose what is on it, add --format --force; "
            + "to keep it, name another LUN."),
        var several => throw new LunException(
            LunError.NotFound,
            $"The LUN has a GPT with {several.Count} NTFS partitions ({string.Join(", ", several.Select(partition => partition.Number))}), and a "
            + "Covol volume has its LUN for itself. Copy one to a LUN of its own."),
    };

    /// <summary>The partition that begins at this byte. Throws <see cref="LunException"/> where there is none, or it is not aligned.</summary>
    public Partition At(long start)
    {
        var found = _partitions.FirstOrDefault(partition => partition.Start.Value == start) ?? throw new LunException(
            LunError.NotFound, $"The LUN's GPT has no partition that begins at byte {start} any more: another program changed the table.");
        return start % AlignmentMin == 0 && found.Length.Value % AlignmentMin == 0
            ? found
            : throw new LunException(
                LunError.NotFound,
                $"Partition {found.Number} begins at byte {start} and has {found.Length.Value} bytes; Covol needs whole pages of {AlignmentMin} "
                + "bytes. Copy its files to a volume that is aligned.");
    }

    private static List<Partition> Entries(IBlockDevice lun, int sector, Header header)
    {
        var partitions = new List<Partition>();
        for (var index = 0; index < header.EntryCount; index++)
        {
            var entry = header.Entries.AsSpan(index * header.EntryLength, header.EntryLength);
            var type = new Guid(entry[..16]);
            if (type == Guid.Empty)
            {
                continue;
            }

            var (first, last) = (BinaryPrimitives.ReadInt64LittleEndian(entry[32..]), BinaryPrimitives.ReadInt64LittleEndian(entry[40..]));
            if (first < header.FirstUsable || last < first || last > header.LastUsable || last >= lun.Size.Value / sector)
            {
                throw Damaged($"partition {index + 1} lies outside of it");
            }

            var start = first * sector;
            var holdsNtfs = type == s_basicData && IsNtfs(Bytes(lun, start, MbrLength));
            partitions.Add(new Partition(index + 1, new LunByteOffset(start), new ByteCount((last - first + 1) * sector), holdsNtfs));
        }

        partitions.Sort((left, right) => left.Start.Value.CompareTo(right.Start.Value));
        for (var index = 1; index < partitions.Count; index++)
        {
            if (partitions[index - 1].Start + partitions[index - 1].Length > partitions[index].Start)
            {
                throw Damaged($"partitions {partitions[index - 1].Number} and {partitions[index].Number} overlap");
            }
        }

        return partitions;
    }

    private static bool IsNtfs(ReadOnlySpan<byte> sector) =>
        sector.Slice(3, 8).SequenceEqual("NTFS    "u8) && sector[510] == 0x55 && sector[511] == 0xAA;

    /// <summary>A master boot record one of whose four entries (16 bytes from 446, the type at 4) protects a GPT.</summary>
    private static bool IsProtective(ReadOnlySpan<byte> sector)
    {
        var found = false;
        for (var entry = 446; entry < 510; entry += 16)
        {
            found |= sector[entry + 4] == ProtectiveType;
        }

        return sector[510] == 0x55 && sector[511] == 0xAA && found;
    }

    private static bool IsHeader(ReadOnlySpan<byte> sector) => sector[..8].SequenceEqual("EFI PART"u8);

    /// <summary>Bytes from anywhere: read in whole blocks of the LUN.</summary>
    private static byte[] Bytes(IBlockDevice lun, long start, int length)
    {
        var from = start & -lun.BlockSize;
        var upTo = (start + length + lun.BlockSize - 1) & -lun.BlockSize;
        var blocks = new byte[upTo - from];
        lun.Read(new LunByteOffset(from), blocks);
        return blocks.AsSpan((int)(start - from), length).ToArray();
    }

    private static LunException Damaged(string how) => new(LunError.NotFound, $"The LUN's GPT is damaged: {how}. {Repair}");

    /// <summary>One of the two headers with its entries; both are whole when there is one.</summary>
    private sealed record Header(
        long Other, long FirstUsable, long LastUsable, Guid Disk, int EntryCount, int EntryLength, uint EntriesChecksum, byte[] Entries)
    {
        public static Header Read(IBlockDevice lun, int sector, long place)
        {
            var which = place == 1 ? "its first header" : "its second header";
            if (place < 1 || place > (lun.Size.Value / sector) - 1)
            {
                throw Damaged($"{which} lies outside of the LUN");
            }

            var bytes = Bytes(lun, place * sector, sector);
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(12));
            if (!IsHeader(bytes) || length < HeaderLengthMin || length > sector)
            {
                throw Damaged($"{which} is none");
            }

            var checksum = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(16));
            bytes.AsSpan(16, 4).Clear();
            if (Crc32.Of(bytes.AsSpan(0, length)) != checksum || BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(24)) != place)
            {
                throw Damaged($"{which} has a wrong checksum or place");
            }

            var count = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(80));
            var entryLength = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(84));
            var entriesAt = BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(72));
            if (count is < 1 or > EntriesMax || entryLength is < EntryLengthMin or > EntryLengthMax || entryLength % 8 != 0
                || entriesAt < 2 || entriesAt > (lun.Size.Value - ((long)count * entryLength)) / sector)
            {
                throw Damaged($"{which} describes no table");
            }

            var entries = Bytes(lun, entriesAt * sector, count * entryLength);
            var entriesChecksum = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(88));
            return Crc32.Of(entries) == entriesChecksum
                ? new Header(
                    BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(32)),
                    BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(40)),
                    BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(48)),
                    new Guid(bytes.AsSpan(56, 16)),
                    count,
                    entryLength,
                    entriesChecksum,
                    entries)
                : throw Damaged($"the entries behind {which} have a wrong checksum");
        }
    }
}
