using System.Buffers.Binary;
using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Tests.Ntfs.Support;

/// <summary>What nodes write into files in the crash tests: each 512 bytes say whose they are and where in the file.</summary>
internal static class FilePattern
{
    private const int SectorLength = 512;

    /// <summary>The bytes of one page of a file.</summary>
    public static byte[] PageOf(FileId file, long fileOffset)
    {
        var page = new byte[4096];
        for (var sector = 0; sector < page.Length; sector += SectorLength)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(page.AsSpan(sector), file.Reference.Value);
            BinaryPrimitives.WriteInt64LittleEndian(page.AsSpan(sector + 8), fileOffset + sector);
            page.AsSpan(sector + 16, SectorLength - 16).Fill((byte)(fileOffset / SectorLength));
        }

        return page;
    }

    /// <summary>The bytes of a file from a position on.</summary>
    public static byte[] Bytes(FileId file, long start, int length)
    {
        var bytes = new byte[length];
        for (var done = 0; done < length;)
        {
            var within = (int)((start + done) % 4096);
            var take = Math.Min(length - done, 4096 - within);
            PageOf(file, start + done - within).AsSpan(within, take).CopyTo(bytes.AsSpan(done));
            done += take;
        }

        return bytes;
    }

    /// <summary>The pages of a file between two offsets, with their places.</summary>
    public static IEnumerable<(long FileOffset, LunByteOffset Place)> Pages(FileMap map, long from, long to)
    {
        foreach (var extent in map.Extents)
        {
            for (var at = Math.Max(extent.FileStart.Value, from / 4096 * 4096); at < Math.Min(extent.FileEnd.Value, to); at += 4096)
            {
                yield return (at, extent.LunStart + new ByteCount(at - extent.FileStart.Value));
            }
        }
    }

    /// <summary>The first valid byte of a file that is not its own; null when all are.</summary>
    public static string? Strange(IBlockDevice device, FileId file, FileMap map)
    {
        var content = new byte[4096];
        foreach (var (at, place) in Pages(map, 0, map.ValidLength.Value))
        {
            device.Read(place, content);
            var length = (int)Math.Min(4096, map.ValidLength.Value - at);
            if (!content.AsSpan(0, length).SequenceEqual(PageOf(file, at).AsSpan(0, length)))
            {
                return $"{file} holds at byte {at} (LUN {place}) what nobody wrote there";
            }
        }

        return null;
    }
}
