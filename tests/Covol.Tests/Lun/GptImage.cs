using System.Buffers.Binary;
using System.Text;
using Covol.Lun;
using Covol.Protocol.Units;

namespace Covol.Tests.Lun;

/// <summary>Writes a GUID partition table, whole or damaged in one place, as UEFI 2.10 chapter 5 describes it.</summary>
internal sealed class GptImage(IBlockDevice device, int sector)
{
    public static readonly Guid BasicData = new("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7");
    public static readonly Guid Linux = new("0FC63DAF-8483-4772-8E79-3D69D8477DE4");

    private const int EntryLength = 128;
    private const int EntryCount = 128;
    private readonly List<(Guid Type, long First, long Last)> _partitions = [];

    private long Sectors => device.Size.Value / sector;

    private long TableSectors => EntryCount * EntryLength / sector;

    /// <summary>Adds a partition by bytes; one with a boot sector if it is to look like NTFS.</summary>
    public GptImage Add(Guid type, long start, long length, bool looksLikeNtfs = false)
    {
        _partitions.Add((type, start / sector, ((start + length) / sector) - 1));
        if (looksLikeNtfs)
        {
            var boot = new byte[4096];
            Encoding.ASCII.GetBytes("NTFS    ").CopyTo(boot, 3);
            (boot[510], boot[511]) = (0x55, 0xAA);
            device.Write(new LunByteOffset(start), boot);
        }

        return this;
    }

    public void Write()
    {
        var entries = new byte[EntryCount * EntryLength];
        for (var index = 0; index < _partitions.Count; index++)
        {
            var (type, first, last) = _partitions[index];
            var entry = entries.AsSpan(index * EntryLength);
            type.TryWriteBytes(entry);
            new Guid(index + 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11).TryWriteBytes(entry[16..]);
            BinaryPrimitives.WriteInt64LittleEndian(entry[32..], first);
            BinaryPrimitives.WriteInt64LittleEndian(entry[40..], last);
        }

        var head = new byte[sector];
        head[446 + 4] = 0xEE;
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(446 + 8), 1);
        (head[510], head[511]) = (0x55, 0xAA);
        device.Write(default, head);
        WriteHeader(1, Sectors - 1, 2, entries);
        WriteHeader(Sectors - 1, 1, Sectors - 1 - TableSectors, entries);
    }

    private void WriteHeader(long place, long other, long table, byte[] entries)
    {
        var header = new byte[sector];
        Encoding.ASCII.GetBytes("EFI PART").CopyTo(header, 0);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), 0x10000);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(12), 92);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), place);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), other);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), 2 + TableSectors);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(48), Sectors - 2 - TableSectors);
        new Guid("11111111-2222-3333-4444-555555555555").TryWriteBytes(header.AsSpan(56));
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(72), table);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(80), EntryCount);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(84), EntryLength);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(88), Crc32.Of(entries));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(16), Crc32.Of(header.AsSpan(0, 92)));
        device.Write(new LunByteOffset(place * sector), header);
        device.Write(new LunByteOffset(table * sector), entries);
    }
}
