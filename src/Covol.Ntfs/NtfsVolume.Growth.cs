using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>Growing and cutting files, in steps that fit the journal.</summary>
public sealed partial class NtfsVolume
{
    /// <summary>The library is asked for no more than this at once.</summary>
    private const long GrowthPieceMax = 64L << 30;

    /// <summary>Clusters whose bits share one page of the cluster bitmap.</summary>
    private const long ClustersPerPage = 32_768;

    /// <summary>
    /// Bitmap pages that one step of cutting changes at most, so that it keeps the thread for a few milliseconds only.
    /// </summary>
    private const long CutPagesMax = 256;

    /// <summary>Preallocation that would be smaller than this is not worth a run of its own.</summary>
    private const long PreallocationMin = 64 << 10;

    public FileMap Extend(FileId file, ByteCount size) => ChangeInSteps(step =>
    {
        using (var inode = Open(file))
        {
            var data = DataOf(inode, file);
            CheckRoom(size.Value - data.Reserved);
            using (var attribute = new DataAttribute(inode, _mounted))
            {
                if (data.IsResident)
                {
                    attribute.MakeNonResident();
                }

                Grow(attribute, data.Size, size.Value, step);
            }

            inode.Touch(modified: size.Value > data.Size);
            inode.Close();
        }

        using var grown = Open(file);
        return MapOf(grown);
    });

    public FileMap Preallocate(FileId file, ByteCount length) => PreallocateBehind(file, _ => length.Value);

    private FileMap PreallocateBehind(FileId file, Func<DataDescription, long> length) => ChangeInSteps(step =>
    {
        (long, long, long, long) times;
        using (var inode = Open(file))
        {
            var data = DataOf(inode, file);
            var wanted = Math.Min(Math.Min(length(data) - data.Reserved, FreeForData() * ClusterSize), step.Bytes);
            if (data.IsResident || !TryPreallocate(inode, data, wanted))
            {
                return MapOf(inode);
            }

            inode.SetSize(data.Size);
            times = inode.Times;
            inode.Close();
        }

        return MapAfterSizeWasSet(file, times);
    });

    public FileMap TrimStep(FileId file) => ChangeInSteps(step =>
    {
        (long, long, long, long) times;
        using (var inode = Open(file))
        {
            var data = DataOf(inode, file);
            var kept = Math.Max(data.Size, KeptRoomOf(ReadExtended(inode)));
            if (data.IsResident || data.Reserved - kept < ClusterSize)
            {
                return MapOf(inode);
            }

            CutSpare(inode, data, kept, step);
            times = inode.Times;
            inode.Close();
        }

        return MapAfterSizeWasSet(file, times);
    });

    public bool ShrinkStep(FileId file, ByteCount size) => ChangeInSteps(step =>
    {
        if (!GiveKeptRoomBack(file, size.Value, step))
        {
            return false;
        }

        using var inode = Open(file);
        var data = DataOf(inode, file);
        return data.Size <= size.Value || Cut(inode, data, size.Value, step);
    });

    /// <summary>
    /// The library keeps sizes in memory and puts them into the directory too: it has to read the new one. The times stay, since to
    /// programs nothing changed.
    /// </summary>
    private FileMap MapAfterSizeWasSet(FileId file, (long Created, long Modified, long Accessed, long Changed) times)
    {
        _mounted.Forget(file.Reference.Record);
        using (var inode = Open(file))
        {
            inode.Touch(modified: false);
            inode.SetTimes(times.Created, times.Modified, times.Accessed, times.Changed);
            inode.Close();
        }

        _mounted.Forget(file.Reference.Record);
        using var result = Open(file);
        return MapOf(result);
    }

    private bool TryPreallocate(NtfsInode inode, DataDescription data, long wanted)
    {
        // What a hole is filled from is needed, however small.
        var least = data.IsSparse ? ClusterSize : PreallocationMin;
        using var attribute = new DataAttribute(inode, _mounted);
        for (var piece = wanted; piece >= least; piece /= 2)
        {
            if (attribute.TryGrow(data.Reserved + piece))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Makes the data size larger within the clusters that the file has.</summary>
    private void GrowInPlace(NtfsInode inode, DataDescription data, long size)
    {
        if (data.IsResident || size > data.Reserved)
        {
            throw new VolumeException(
                VolumeError.InvalidArgument, "The valid length of a file cannot exceed what is allocated to it.");
        }

        using var attribute = new DataAttribute(inode, _mounted);
        Protocol.Invariant.Holds(attribute.TryGrow(size), "A file could not take clusters that are its own.");
    }

    /// <summary>
    /// The library takes about one hole of each bitmap window a request, so a large request fails on a fragmented volume with
    /// plenty
    /// of room: what is asked for is halved until it fits, and grows again when it did. Ends early, with a part, when about so
    /// many
    /// pages were changed.
    /// </summary>
    private void Grow(DataAttribute attribute, long from, long size, StepSize step)
    {
        var piece = step.Bytes;
        while (from < size && _device.OperationPages < step.Pages)
        {
            var next = Math.Min(size, from + piece);
            if (attribute.TryGrow(next))
            {
                from = next;
                piece = Math.Min(step.Bytes, piece * 2);
            }
            else if (piece <= ClusterSize)
            {
                throw NoRoom();
            }
            else
            {
                piece = Math.Max(ClusterSize, Math.Min(piece, next - from) / 2 / ClusterSize * ClusterSize);
            }
        }
    }

    /// <summary>Cuts towards a size, the spare clusters behind the present one first; true when it is reached.</summary>
    private bool Cut(NtfsInode inode, DataDescription data, long size, StepSize step)
    {
        var target = size;
        if (!data.IsResident)
        {
            using var attribute = new DataAttribute(inode, _mounted);
            target = Math.Max(size, CutTarget(attribute, Math.Min(step.Pages, CutPagesMax)));
        }

        if (target >= data.Size)
        {
            CutSpare(inode, data, data.Size, step);
            inode.Close();
            _mounted.Forget(inode.Record);
            return false;
        }

        using (var attribute = new DataAttribute(inode, _mounted))
        {
            attribute.Cut(target);
        }

        inode.Touch(modified: true);
        inode.Close();
        return target == size;
    }

    /// <summary>
    /// Gives back clusters behind the size, and behind what is kept. The library cuts what has a size, so they get one for the moment.
    /// </summary>
    private void CutSpare(NtfsInode inode, DataDescription data, long kept, StepSize step)
    {
        using (var attribute = new DataAttribute(inode, _mounted))
        {
            Protocol.Invariant.Holds(attribute.TryGrow(data.Reserved), "A file could not take clusters that are its own.");
            attribute.Cut(Math.Max(kept, CutTarget(attribute, Math.Min(step.Pages, CutPagesMax))));
        }

        inode.SetSize(data.Size);
    }

    /// <summary>Where a cut has to stop so that it changes no more than so many pages of the bitmap, and at least one.</summary>
    private long CutTarget(DataAttribute attribute, long pages)
    {
        var runs = attribute.Runs();
        for (var index = runs.Count - 1; index >= 0; index--)
        {
            var (vcn, lcn, length) = runs[index];
            if (lcn < 0)
            {
                continue;
            }

            var touched = ((lcn + length - 1) / ClustersPerPage) - (lcn / ClustersPerPage) + 1;
            if (touched > pages)
            {
                // The first of the pages that are left begins here; what lies before it stays.
                var first = ((lcn + length - 1) / ClustersPerPage) - Math.Max(0, pages - 1);
                var kept = pages > 0 ? Math.Max(lcn, first * ClustersPerPage) - lcn : length;
                return (vcn + kept) * ClusterSize;
            }

            pages -= touched;
        }

        return 0;
    }
}
