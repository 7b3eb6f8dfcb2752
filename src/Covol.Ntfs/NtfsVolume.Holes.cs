using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>Holes: by an edit of the run list, which the library then writes (it has no call that punches or fills one).</summary>
public sealed partial class NtfsVolume : INtfsHoles
{
    public bool HasHoles => true;

    public FileMap Stretch(FileId file, ByteCount size) => Change(() =>
    {
        using (var inode = Open(file))
        {
            var data = DataOf(inode, file);
            using (var attribute = new DataAttribute(inode, _mounted))
            {
                if (data.IsResident)
                {
                    attribute.MakeNonResident();
                }

                if (size.Value > data.Size)
                {
                    attribute.Stretch(size.Value);
                }
            }

            inode.Touch(modified: size.Value > data.Size);
            inode.Close();
        }

        using var grown = Open(file);
        return MapOf(grown);
    });

    public FileMap AddSpare(FileId file, ByteCount length) => PreallocateBehind(file, data => data.Reserved + length.Value);

    public FileMap Allocate(FileId file, FileByteOffset from, FileByteOffset to) => ChangeInSteps(step =>
    {
        (long, long, long, long) times;
        using (var inode = Open(file))
        {
            var data = DataOf(inode, file);
            Invariant.Holds(
                data is { IsResident: false } or { Size: 0 } && from.Value >= (data.Valid + ClusterSize - 1) / ClusterSize * ClusterSize && from < to,
                "Clusters were to be given to a range that is valid already.");
            var first = from.Value / ClusterSize;
            var end = (to.Value + ClusterSize - 1) / ClusterSize;
            using (var attribute = new DataAttribute(inode, _mounted))
            {
                if (data.IsResident)
                {
                    attribute.MakeNonResident();
                }

                var there = data.Reserved / ClusterSize;
                var isNew = first < there ? AllocateInside(attribute, first, Math.Min(end, there), step) : 0;
                if (isNew == 0 && end > there)
                {
                    AllocateBehind(attribute, data, first, end, step);
                }
            }

            inode.SetSize(data.Size);
            times = inode.Times;
            inode.Close();
        }

        return MapAfterSizeWasSet(file, times);
    });

    public FileMap Fill(FileId file, IReadOnlyList<FileExtent> filled) => Change(() =>
    {
        ArgumentNullException.ThrowIfNull(filled);
        (long, long, long, long) times;
        using (var inode = Open(file))
        {
            var data = DataOf(inode, file);
            using (var attribute = new DataAttribute(inode, _mounted))
            {
                var edit = new RunEdit(attribute.Runs());
                var spare = (data.Size + ClusterSize - 1) / ClusterSize;
                foreach (var extent in filled)
                {
                    FillOne(edit, spare, extent);
                }

                edit.Gather(spare);
                attribute.SetRuns(edit.Runs);

                // What is left at the end, where spare clusters were, goes: the library cuts what has a size.
                var end = Math.Max(edit.EndOfClusters * ClusterSize, data.Size);
                if (end < edit.End * ClusterSize)
                {
                    Invariant.Holds(attribute.TryGrow(edit.End * ClusterSize), "A file could not take clusters that are its own.");
                    attribute.Cut(end);
                }
            }

            inode.SetSize(data.Size);
            times = inode.Times;
            inode.Close();
        }

        return MapAfterSizeWasSet(file, times);
    });

    public bool PunchStep(FileId file, FileByteOffset from, FileByteOffset to) => ChangeInSteps(step =>
    {
        var isDone = true;
        using (var inode = Open(file))
        {
            var data = DataOf(inode, file);
            Invariant.Holds(
                !data.IsResident && from.Value % ClusterSize == 0 && to.Value % ClusterSize == 0,
                "A hole was to be made of parts of clusters.");
            using (var attribute = new DataAttribute(inode, _mounted))
            {
                var edit = new RunEdit(attribute.Runs());
                var pages = Math.Min(step.Pages, CutPagesMax);
                foreach (var (vcn, lcn, length) in edit.Parts(from.Value / ClusterSize, to.Value / ClusterSize, holes: false))
                {
                    // As much of the run as lies in so many pages of the bitmap; the first one always goes.
                    var upTo = Math.Min(lcn + length, ((lcn / ClustersPerPage) + Math.Max(1, pages)) * ClustersPerPage);
                    edit.Put(vcn, RunEdit.Hole, upTo - lcn);
                    attribute.FreeClusters(lcn, upTo - lcn);
                    pages -= ((upTo - 1) / ClustersPerPage) - (lcn / ClustersPerPage) + 1;
                    if (upTo < lcn + length || pages <= 0)
                    {
                        isDone = false;
                        break;
                    }
                }

                attribute.SetRuns(edit.Runs);
            }

            inode.Touch(modified: true);
            inode.Close();
        }

        _mounted.Forget(file.Reference.Record);
        return isDone;
    });

    private static bool IsAll(RunEdit edit, long vcn, long length, long lcn) =>
        edit.Parts(vcn, vcn + length, holes: lcn < 0).Sum(part => part.Length) == length;

    private void FillOne(RunEdit edit, long spare, FileExtent extent)
    {
        var (vcn, lcn, length) = (
            extent.FileStart.Value / ClusterSize, extent.LunStart.Value / ClusterSize, extent.Length.Value / ClusterSize);
        Invariant.Holds(vcn + length <= spare && IsAll(edit, vcn, length, RunEdit.Hole), "What is no hole was to be filled.");
        var source = edit.Parts(spare, edit.End, holes: false).Find(part => part.Lcn <= lcn && lcn + length <= part.Lcn + part.Length);
        Invariant.Holds(source.Length > 0, "A hole was to be filled with clusters that are not the file's spare ones.");
        edit.Put(vcn, lcn, length);
        edit.Put(source.Vcn + (lcn - source.Lcn), RunEdit.Hole, length);
    }

    /// <summary>Clusters for the holes of a range that the run list covers; answers how many.</summary>
    private long AllocateInside(DataAttribute attribute, long first, long end, StepSize step)
    {
        var edit = new RunEdit(attribute.Runs());
        long taken = 0;
        foreach (var (vcn, _, length) in edit.Parts(first, end, holes: true))
        {
            CheckRoom(length * ClusterSize);
            var near = edit.Parts(Math.Max(0, vcn - 1), vcn, holes: false) is [var before] ? before.Lcn + 1 : -1;
            for (long done = 0; done < length;)
            {
                if (_device.OperationPages >= step.Pages || taken * ClusterSize >= step.Bytes)
                {
                    attribute.SetRuns(edit.Runs);
                    return taken;
                }

                var wanted = Math.Min(length - done, Math.Max(1, step.Bytes / ClusterSize));
                foreach (var (lcn, count) in Take(attribute, wanted, near))
                {
                    edit.Put(vcn + done, lcn, count);
                    done += count;
                    taken += count;
                    near = lcn + count;
                }
            }
        }

        if (taken > 0)
        {
            attribute.SetRuns(edit.Runs);
        }

        return taken;
    }

    /// <summary>As in <see cref="Grow"/>: one request takes about one hole of each bitmap window, so a refused one is halved.</summary>
    private static List<(long Lcn, long Length)> Take(DataAttribute attribute, long wanted, long near)
    {
        for (; wanted > 0; wanted /= 2)
        {
            if (attribute.TryTakeClusters(wanted, near) is { } taken)
            {
                return taken;
            }
        }

        throw NoRoom();
    }

    private void AllocateBehind(DataAttribute attribute, DataDescription data, long first, long end, StepSize step)
    {
        var from = Math.Max(first * ClusterSize, data.Reserved);
        CheckRoom((end * ClusterSize) - from);
        if (from > data.Reserved)
        {
            attribute.Stretch(from);
        }

        Grow(attribute, from, end * ClusterSize, step);
    }
}
