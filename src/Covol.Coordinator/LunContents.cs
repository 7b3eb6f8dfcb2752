using Covol.Lun;
using Covol.Protocol.Units;
using Microsoft.Extensions.Logging;

namespace Covol.Coordinator;

/// <summary>What a LUN holds, told from the marks that file systems, partition tables and disk images carry; for refusals only.</summary>
public static class LunContents
{
    /// <summary>The farthest mark looked at ends below this.</summary>
    private const int HeadBytes = 128 << 10;

    internal const string NtfsName = "an NTFS volume";

    /// <summary>
    /// Sources: the formats' own specifications, as collected in util-linux's libblkid (superblocks and partitions). More specific marks
    /// come first: NTFS's boot sector ends like a partition table.
    /// </summary>
    private static readonly (int At, byte[] Mark, string Name)[] s_marks =
    [
        (3, "NTFS    "u8.ToArray(), NtfsName),
        (3, "EXFAT   "u8.ToArray(), "an exFAT file system"),
        (82, "FAT32   "u8.ToArray(), "a FAT file system"),
        (54, "FAT16   "u8.ToArray(), "a FAT file system"),
        (512, "EFI PART"u8.ToArray(), "a GPT partition table"),
        (4096, "EFI PART"u8.ToArray(), "a GPT partition table"),
        (1080, [0x53, 0xef], "an ext2, ext3 or ext4 file system"),
        (0, "XFSB"u8.ToArray(), "an XFS file system"),
        (65600, "_BHRfS_M"u8.ToArray(), "a btrfs file system"),
        (0, [0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe], "a LUKS volume"),
        (512, "LABELONE"u8.ToArray(), "an LVM physical volume"),
        (0, [0x51, 0x46, 0x49, 0xfb], "a qcow2 image"),
        (0, "conectix"u8.ToArray(), "a VHD image"),
        (0, "vhdxfile"u8.ToArray(), "a VHDX image"),
        (510, [0x55, 0xaa], "a partition table or boot sector"),
    ];

    /// <summary>What it holds, as a phrase with its article; null when nothing is recognised. On the thread that owns the LUN.</summary>
    public static string? Of(IBlockDevice lun)
    {
        ArgumentNullException.ThrowIfNull(lun);
        var head = new byte[Math.Min(HeadBytes, lun.Size.Value / lun.BlockSize * lun.BlockSize)];
        lun.Read(new LunByteOffset(0), head);
        return s_marks
            .Where(mark => mark.At + mark.Mark.Length <= head.Length && head.AsSpan(mark.At, mark.Mark.Length).SequenceEqual(mark.Mark))
            .Select(mark => mark.Name)
            .FirstOrDefault();
    }

    /// <summary>Whether it holds NTFS; what else it holds, if anything.</summary>
    public static bool IsNtfs(IBlockDevice lun, out string? found)
    {
        found = Of(lun);
        return found == NtfsName;
    }

    internal static ILun Open(LunUri uri, ILoggerFactory loggers)
    {
        if (Directory.Exists(uri.Path))
        {
            throw new IOException($"{uri.Path} is a folder, so it cannot be a LUN: name a file.");
        }

        return File.Exists(uri.Path)
            ? uri.Open(loggers.CreateLogger<FileLun>())
            : throw new IOException(uri.IsBlockDevice
                ? $"The LUN {uri} does not exist on this machine. 'lsblk' shows its block devices."
                : $"The LUN {uri} does not exist. Make it first, for example: truncate -s 8G {uri.Path}");
    }
}
