using Covol.Lun;
using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs.Journal;

/// <summary>Reads the sectors that the fingerprint is made of, through whole pages, because the LUN's blocks may be that
/// large.</summary>
internal static class GuardedContent
{
    public static ulong ChecksumOf(IBlockDevice device, LunByteOffset sector)
    {
        var page = new byte[JournalFormat.PageSize];
        var start = JournalFormat.RoundDown(sector.Value);
        device.Read(new LunByteOffset(start), page);
        return Checksum64.Of(page.AsSpan((int)(sector.Value - start), JournalFormat.SectorSize));
    }
}
