using Covol.Ntfs;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Tests.Coordinator.Support;

/// <summary>Files with holes, where a test asks for them.</summary>
internal sealed partial class ModelVolume : INtfsHoles
{
    /// <summary>In the place of a cluster.</summary>
    private const long Hole = -1;

    public bool HasHoles { get; set; }

    /// <summary>How often clusters were put into holes.</summary>
    public int Fills { get; private set; }

    public FileMap Stretch(FileId file, ByteCount size)
    {
        var inode = Find(file);
        while (inode.Clusters.Count < Up(size.Value))
        {
            inode.Clusters.Add(Hole);
        }

        inode.Size = Math.Max(inode.Size, size.Value);
        return inode.Map;
    }

    public FileMap AddSpare(FileId file, ByteCount length) =>
        Preallocate(file, new ByteCount((Find(file).Clusters.Count * (long)Cluster) + length.Value));

    public FileMap Allocate(FileId file, FileByteOffset from, FileByteOffset to)
    {
        var inode = Find(file);
        Require(from.Value >= Up(inode.Valid) * (long)Cluster, VolumeError.BadRequest);
        for (var index = 0; index < Up(to.Value); index++)
        {
            if (index == inode.Clusters.Count)
            {
                inode.Clusters.Add(Hole);
            }

            if (index >= from.Value / Cluster && !IsThere(inode.Clusters[index]))
            {
                Require(_free.Count > 0, VolumeError.NoSpace);
                inode.Clusters[index] = _free.Min;
                _free.Remove(_free.Min);
            }
        }

        return inode.Map;
    }

    public void KeepRoom(FileId file, ByteCount length) => Find(file).KeptRoom = length;

    public ByteCount RoomKept(FileId file) => Find(file).KeptRoom;

    public FileMap Fill(FileId file, IReadOnlyList<FileExtent> filled)
    {
        Fills++;
        var inode = Find(file);
        var spare = Up(inode.Size);
        foreach (var extent in filled)
        {
            for (var index = 0; index < extent.Length.Value / Cluster; index++)
            {
                var hole = (int)(extent.FileStart.Value / Cluster) + index;
                var source = inode.Clusters.IndexOf((extent.LunStart.Value / Cluster) + index);
                Require(source >= spare && hole < spare && !IsThere(inode.Clusters[hole]), VolumeError.BadRequest);
                inode.Clusters[hole] = inode.Clusters[source];
                inode.Clusters[source] = Hole;
            }
        }

        var left = inode.Clusters.Skip(spare).Where(IsThere).ToList();
        inode.Clusters.RemoveRange(spare, inode.Clusters.Count - spare);
        inode.Clusters.AddRange(left);
        return inode.Map;
    }

    public bool PunchStep(FileId file, FileByteOffset from, FileByteOffset to)
    {
        var inode = Find(file);
        var freed = 0;
        for (var index = (int)(from.Value / Cluster); index < Math.Min(inode.Clusters.Count, to.Value / Cluster); index++)
        {
            if (!IsThere(inode.Clusters[index]))
            {
                continue;
            }

            if (freed == StepClusters)
            {
                return false;
            }

            _free.Add(inode.Clusters[index]);
            inode.Clusters[index] = Hole;
            freed++;
        }

        return true;
    }

    private static bool IsThere(long cluster) => cluster != Hole;

    private static int Up(long bytes) => (int)((bytes + Cluster - 1) / Cluster);

    private void FreeLast(Inode inode)
    {
        if (IsThere(inode.Clusters[^1]))
        {
            _free.Add(inode.Clusters[^1]);
        }

        inode.Clusters.RemoveAt(inode.Clusters.Count - 1);
    }
}
