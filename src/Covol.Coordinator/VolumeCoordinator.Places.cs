using Covol.Coordinator.Data;
using Covol.Coordinator.Driver;
using Covol.Ntfs;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>Where a file has data, and how far one can go.</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>NTFS counts clusters with 32 bits in practice: 16 TiB with clusters of 4 KiB.</summary>
    private const long ClustersMax = 1L << 32;

    private void RefuseTooLarge(long end)
    {
        if (end > ClustersMax * _clusterSize)
        {
            throw new VolumeException(
                VolumeError.FileTooLarge, $"A file of this volume has at most {new ByteCount(ClustersMax * _clusterSize)}.");
        }
    }

    private async Task<VolumeReply> FindDataAsync(FindData find)
    {
        await LookAsync(find.File);
        using var gate = await _gates.EnterAsync(find.File, GateMode.Shared);
        var map = await MapAsync(find.File);
        var size = VisibleSize(find.File, map).Value;
        if (find.Offset.Value >= size)
        {
            return new DataFound(null);
        }

        // The rest of the last valid cluster reads as zero, and is there.
        var valid = Math.Min(size, UpToCluster(map.ValidLength.Value));
        var at = find.Hole ? FirstHole(map, find.Offset.Value, valid) : FirstData(map, find.Offset.Value, valid);
        return new DataFound(at is { } found ? new FileByteOffset(found) : null);
    }

    private static long? FirstData(FileMap map, long from, long valid)
    {
        if (map.IsCompressed || IsResident(map))
        {
            return from < valid ? from : null;
        }

        var next = FileData.FirstEndingAfter(map.Extents, from);
        if (next == map.Extents.Count)
        {
            return null;
        }

        var start = Math.Max(from, map.Extents[next].FileStart.Value);
        return start < valid ? start : null;
    }

    private static long FirstHole(FileMap map, long from, long valid)
    {
        var at = from;
        if (map.IsCompressed || IsResident(map))
        {
            return Math.Max(from, valid);
        }

        for (var index = FileData.FirstEndingAfter(map.Extents, from); index < map.Extents.Count; index++)
        {
            var extent = map.Extents[index];
            if (extent.FileStart.Value > at)
            {
                break;
            }

            at = extent.FileEnd.Value;
        }

        return Math.Max(from, Math.Min(at, valid));
    }

    /// <summary>Files are whole, so all that lies inside one has its room already.</summary>
    private async Task<VolumeReply> KeepRoomAsync(Allocate allocate, long end)
    {
        await LookAsync(allocate.File);
        using var gate = await _gates.EnterAsync(allocate.File, GateMode.Shared);
        var map = await MapAsync(allocate.File);
        var isThere = end <= Math.Max(map.Allocated.Value, map.Size.Value)
            && (IsResident(map) || _data.Covers(map, allocate.Offset.Value, Math.Min(end, map.Size.Value)));
        return isThere
            ? Done.Instance
            : throw new VolumeException(
                VolumeError.NotSupported, "Room past a file's end is not kept for it; make the file longer instead.");
    }
}
