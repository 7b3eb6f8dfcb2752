using System.Buffers.Binary;
using Covol.Lun;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>What NTFS's boot sector says (layout.h, NTFS_BOOT_SECTOR). The volume begins at the LUN's first byte.</summary>
/// <param name="ClusterSize">Bytes, a power of two, at least 4096.</param>
/// <param name="SectorSize">Bytes, a power of two from 512 to 4096: the unit of <paramref name="Sectors"/>, and of nothing else.</param>
/// <param name="Sectors">Sectors of the volume; the backup boot sector lies behind the last one.</param>
/// <param name="MftStart">Cluster of the MFT's first record.</param>
/// <param name="MftMirrorStart">Cluster of the copy of its first records.</param>
/// <param name="MftRecordSize">Bytes of an MFT record.</param>
/// <param name="Serial">Volume serial number.</param>
internal sealed record VolumeGeometry(
    int ClusterSize, int SectorSize, long Sectors, long MftStart, long MftMirrorStart, int MftRecordSize, ulong Serial)
{
    private const int LocatorWithin = JournalLocator.Place % JournalFormat.PageSize;

    private static LunByteOffset LocatorPage => new(JournalLocator.Place - LocatorWithin);

    public long Clusters => Sectors * SectorSize / ClusterSize;

    /// <summary>Where the copy of the boot sector lies; all that it says is in its first 512 bytes.</summary>
    public LunByteOffset BackupBoot => new(Sectors * SectorSize);

    public static VolumeGeometry Read(IBlockDevice device)
    {
        var page = new byte[JournalFormat.PageSize];
        device.Read(default, page);
        return Parse(page, device.Size);
    }

    /// <summary>The note where the journal is; null: this is no Covol volume. One of another volume is not ours.</summary>
    public static JournalLocator? LocatorOf(IBlockDevice device, VolumeGeometry geometry)
    {
        var page = new byte[JournalFormat.PageSize];
        device.Read(LocatorPage, page);
        return JournalLocator.Read(page.AsSpan(LocatorWithin, JournalFormat.SectorSize)) is { } locator && locator.VolumeSerial == geometry.Serial
            ? locator
            : null;
    }

    /// <summary>Writes the note, or takes it away, and makes that stable. Its sector is its own, so the write is torn nowhere.</summary>
    public static void WriteLocator(IBlockDevice device, JournalLocator? locator)
    {
        var length = Math.Max(device.BlockSize, JournalFormat.SectorSize);
        var start = JournalLocator.Place / length * length;
        var block = new byte[length];
        device.Read(new LunByteOffset(start), block);
        var sector = block.AsSpan(JournalLocator.Place - start, JournalFormat.SectorSize);
        if (locator is null)
        {
            sector.Clear();
        }
        else
        {
            locator.Encode(sector);
        }

        device.Write(new LunByteOffset(start), block);
        device.Flush();
    }

    /// <summary>Also finds the journal, without the file system.</summary>
    public static (VolumeGeometry Geometry, JournalLocator Locator) ReadWithLocator(IBlockDevice device)
    {
        var geometry = Read(device);
        var page = new byte[JournalFormat.PageSize];
        device.Read(LocatorPage, page);
        if (JournalLocator.Read(page.AsSpan(LocatorWithin, JournalFormat.SectorSize)) is not { } locator)
        {
            throw new NtfsRefusedException(
                "The LUN holds an NTFS volume that has no Covol journal. Format it with Covol, or adopt it first.");
        }

        return locator.VolumeSerial == geometry.Serial
            ? (geometry, locator)
            : throw new NtfsRefusedException(
                "The journal's locator belongs to another volume: the LUN was formatted by another program.");
    }

    public static VolumeGeometry Parse(ReadOnlySpan<byte> boot, ByteCount deviceSize)
    {
        if (!boot.Slice(3, 8).SequenceEqual("NTFS    "u8) || boot[510] != 0x55 || boot[511] != 0xAA)
        {
            throw new NtfsRefusedException(
                "The LUN holds no NTFS volume. Add it with --format to make one; all its content is lost then.");
        }

        var sectorSize = BinaryPrimitives.ReadUInt16LittleEndian(boot[11..]);
        var perCluster = boot[13];
        var clusterSize = sectorSize * (perCluster <= 128 ? perCluster : 1 << (256 - perCluster));
        var sectors = BinaryPrimitives.ReadInt64LittleEndian(boot[40..]);
        var perRecord = (sbyte)boot[64];
        var recordSize = perRecord < 0 ? 1 << -perRecord : perRecord * clusterSize;
        if (sectorSize is < JournalFormat.SectorSize or > JournalFormat.PageSize || (sectorSize & (sectorSize - 1)) != 0
            || clusterSize is < JournalFormat.PageSize or > 2 << 20 || (clusterSize & (clusterSize - 1)) != 0
            || recordSize is < 1024 or > 4096)
        {
            throw new NtfsRefusedException(
                $"The volume has sectors of {sectorSize} bytes, clusters of {clusterSize} bytes and MFT records of {recordSize} "
                + "bytes; Covol needs sectors of 512 to 4096 bytes, clusters of 4 KiB or more, and records of 1 or 4 KiB. Format it anew.");
        }

        if (sectors <= 0 || sectors >= deviceSize.Value / sectorSize)
        {
            throw new NtfsRefusedException(
                $"The volume has {sectors} sectors, more than the LUN of {deviceSize}: the LUN was made smaller, or this is not the whole of it.");
        }

        return new VolumeGeometry(
            clusterSize,
            sectorSize,
            sectors,
            BinaryPrimitives.ReadInt64LittleEndian(boot[48..]),
            BinaryPrimitives.ReadInt64LittleEndian(boot[56..]),
            recordSize,
            BinaryPrimitives.ReadUInt64LittleEndian(boot[72..]));
    }
}
