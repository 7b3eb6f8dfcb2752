using System.Collections.Immutable;
using Covol.Ntfs;
using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Simulation.Model;

/// <content>Holes: places of a file without a cluster. Behind the last cluster all is hole, as far as the file's size goes.</content>
internal sealed partial class ModelVolume : INtfsHoles
{
    public bool HasHoles => _rules.MakesHoles;

    public FileMap Stretch(FileId file, ByteCount size)
    {
        var inode = Inode(file);
        return Map(Put(inode with { Size = Math.Max(inode.Size, size.Value) }));
    }

    public FileMap Allocate(FileId file, FileByteOffset from, FileByteOffset to)
    {
        var inode = Inode(file);
        Invariant.Holds(
            from.Value >= (long)ClustersOf(inode.ValidLength) * ClusterSize, "Clusters were to be given to a range that is valid already.");
        var first = (int)(from.Value / ClusterSize);
        var end = ClustersOf(to.Value);
        var clusters = PaddedTo(inode, end);
        var holes = Enumerable.Range(first, end - first).Where(index => clusters[index] == ModelInode.Hole).ToList();
        if (holes.Count > _state.FreeCount)
        {
            throw new VolumeException(VolumeError.NoSpace, $"{holes.Count} clusters are wanted, {_state.FreeCount} are free.");
        }

        holes.ForEach(index => clusters[index] = Take());
        return Map(Put(inode with { Clusters = clusters.ToImmutable() }));
    }

    public FileMap AddSpare(FileId file, ByteCount length)
    {
        var inode = Inode(file);
        var padded = inode with { Clusters = PaddedTo(inode, ClustersOf(inode.Size)).ToImmutable() };
        return Map(Put(Grow(padded, Math.Min(_state.FreeCount, ClustersOf(length.Value)))));
    }

    public void KeepRoom(FileId file, ByteCount length) => Put(Inode(file) with { KeptRoom = length.Value });

    public ByteCount RoomKept(FileId file) => new(Inode(file).KeptRoom);

    public FileMap Fill(FileId file, IReadOnlyList<FileExtent> filled)
    {
        ArgumentNullException.ThrowIfNull(filled);
        var inode = Inode(file);
        var clusters = inode.Clusters.ToBuilder();
        var size = ClustersOf(inode.Size);
        foreach (var extent in filled)
        {
            var first = (int)(extent.FileStart.Value / ClusterSize);
            for (var index = 0; index < extent.Length.Value / ClusterSize; index++)
            {
                var cluster = ModelDisk.ClusterOf(extent.LunStart.Value) + index;
                var spare = clusters.IndexOf(cluster);
                Invariant.Holds(
                    first + index < size && clusters[first + index] == ModelInode.Hole, "What is no hole was to be filled.");
                Invariant.Holds(spare >= size, "A hole was to be filled with a cluster that is not one of the file's spare ones.");
                clusters[first + index] = cluster;
                clusters.RemoveAt(spare);
            }
        }

        return Map(Put(inode with { Clusters = clusters.ToImmutable() }));
    }

    public bool PunchStep(FileId file, FileByteOffset from, FileByteOffset to)
    {
        var inode = Inode(file);
        var clusters = inode.Clusters.ToBuilder();
        var end = (int)Math.Min(to.Value / ClusterSize, clusters.Count);
        var freed = 0;
        for (var index = (int)(from.Value / ClusterSize); index < end; index++)
        {
            if (clusters[index] == ModelInode.Hole)
            {
                continue;
            }

            if (freed++ == FreeStepMax)
            {
                Put(inode with { Clusters = clusters.ToImmutable() });
                return false;
            }

            Free(clusters[index]);
            clusters[index] = ModelInode.Hole;
        }

        Put(inode with { Clusters = clusters.ToImmutable() });
        return true;
    }

    private ModelInode Cut(ModelInode inode, int clusters)
    {
        var gone = Math.Max(0, inode.Clusters.Length - clusters);
        for (var index = inode.Clusters.Length - 1; index >= clusters; index--)
        {
            Free(inode.Clusters[index]);
        }

        return inode with { Clusters = inode.Clusters.RemoveRange(inode.Clusters.Length - gone, gone) };
    }

    private int Take()
    {
        var free = _state.Free.Pop(out var cluster);
        _state = _state with { Free = free, FreeCount = _state.FreeCount - 1 };
        return cluster;
    }

    private void Free(int cluster)
    {
        if (cluster != ModelInode.Hole)
        {
            _pages.Free(cluster);
            _state = _state with { Free = _state.Free.Push(cluster), FreeCount = _state.FreeCount + 1 };
        }
    }

    private static ByteCount AllocatedTo(ModelInode inode) =>
        new((long)inode.Clusters.Count(static cluster => cluster != ModelInode.Hole) * ClusterSize);

    private static ImmutableArray<int>.Builder PaddedTo(ModelInode inode, int clusters)
    {
        var padded = inode.Clusters.ToBuilder();
        while (padded.Count < clusters)
        {
            padded.Add(ModelInode.Hole);
        }

        return padded;
    }
}
