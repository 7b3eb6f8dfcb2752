using Covol.Lun;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Journal;

/// <summary>Reads the sectors that the fingerprint is made of, through whole pages, because the LUN's blocks may be that
/// large.</summary>
internal static class GuardedContent
{
    public static ulong ChecksumOf(IBlockDevice device, LunByteOffset sector) => All(device, [sector])[0].Checksum;

    /// <summary>In their order; several sectors of one page that follow each other are read once.</summary>
    public static List<GuardedSector> All(IBlockDevice device, IReadOnlyList<LunByteOffset> sectors)
    {
        var guarded = new List<GuardedSector>(sectors.Count);
        var page = new byte[JournalFormat.PageSize];
        var loaded = -1L;
        foreach (var sector in sectors)
        {
            var start = JournalFormat.RoundDown(sector.Value);
            if (start != loaded)
            {
                device.Read(new LunByteOffset(start), page);
                loaded = start;
            }

            guarded.Add(new GuardedSector(
                sector, Checksum64.Of(page.AsSpan((int)(sector.Value - start), JournalFormat.SectorSize))));
        }

        return guarded;
    }
}
