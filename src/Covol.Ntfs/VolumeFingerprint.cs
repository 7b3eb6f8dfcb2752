using Covol.Protocol.Journal;
using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>
/// Which sectors tell that another program mounted the volume (SAFETY 18): MFT record 0 and $Volume's record (3), the first
/// page of
/// $LogFile, the backup boot sector.
/// </summary>
internal static class VolumeFingerprint
{
    private const int VolumeRecord = 3;

    public static IReadOnlyList<LunByteOffset> SectorsOf(
        VolumeGeometry geometry, List<(long Vcn, long Lcn, long Length)> mft, List<(long Vcn, long Lcn, long Length)> logFile)
    {
        var places = new List<long>();
        var mftStart = mft[0].Lcn * geometry.ClusterSize;
        AddRange(places, mftStart, geometry.MftRecordSize);
        AddRange(places, mftStart + (VolumeRecord * geometry.MftRecordSize), geometry.MftRecordSize);
        AddRange(places, logFile[0].Lcn * geometry.ClusterSize, JournalFormat.PageSize);
        places.Add(geometry.BackupBoot.Value);
        return [.. places.Select(place => new LunByteOffset(place))];
    }

    private static void AddRange(List<long> places, long start, int length)
    {
        for (var offset = 0; offset < length; offset += JournalFormat.SectorSize)
        {
            places.Add(start + offset);
        }
    }
}
