using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>Where data lies: maps, growth, cutting, valid length, space.</summary>
public sealed partial class NtfsVolume
{
    /// <summary>The library is asked for no more than this at once; a fragmented volume gets it in smaller and smaller
    /// pieces.</summary>
    private const long GrowthPieceMax = 64L << 30;

    /// <summary>Bytes that one step of cutting frees at most: 128 pages of the cluster bitmap at 4 KiB clusters.</summary>
    private const long CutMax = 16L << 30;

    /// <summary>Runs that one step of cutting frees at most; each may lie in a bitmap page of its own.</summary>
    private const int CutRunsMax = 256;

    private long _freeClusters;

    /// <summary>
    /// Bytes that one <see cref="Extend"/> may add, so that its commit fits the journal even when every bitmap page changes: a
    /// page of the
    /// bitmap is 32,768 clusters. Larger growth goes in steps of this, with a commit after each.
    /// </summary>
    public ByteCount GrowthMax => new(Math.Min(GrowthPieceMax, _device.CommitPagesMax / 4 * 32_768L * ClusterSize));

    public FileMap Map(FileId file) => Ask(() =>
    {
        using var inode = Open(file);
        return MapOf(inode);
    });

    public FileMap Extend(FileId file, ByteCount size) => Change(() =>
    {
        using (var inode = Open(file))
        {
            var data = DataOf(inode, file);
            if (size.Value - data.Allocated > GrowthMax.Value)
            {
                throw new VolumeException(
                    VolumeError.InvalidArgument,
                    $"A file grows by at most {GrowthMax} at once, because the change has to fit the journal; commit and go on from there.");
            }

            CheckRoom(size.Value - data.Allocated);
            using (var attribute = new DataAttribute(inode, _mounted))
            {
                if (data.IsResident)
                {
                    attribute.MakeNonResident();
                }

                Grow(attribute, data.Size, size.Value);
            }

            inode.Touch(modified: size.Value > data.Size);
            inode.Close();
        }

        using var grown = Open(file);
        return MapOf(grown);
    });

    public bool ShrinkStep(FileId file, ByteCount size) => Change(() =>
    {
        using var inode = Open(file);
        var data = DataOf(inode, file);
        return data.Size <= size.Value || Cut(inode, data, size.Value);
    });

    public void SetValidLength(FileId file, ByteCount validLength, FileTime modified) => Change(() =>
    {
        using (var inode = Open(file))
        {
            var data = DataOf(inode, file);
            if (validLength.Value > data.Size)
            {
                throw new VolumeException(VolumeError.InvalidArgument, "The valid length of a file cannot exceed its size.");
            }

            if (!data.IsResident && validLength.Value > data.Valid)
            {
                inode.SetValidLength(validLength.Value);
            }

            var times = inode.Times;
            inode.Touch(modified: false);
            inode.SetTimes(times.Created, modified.Value, times.Accessed, modified.Value);
            inode.Close();
        }

        _mounted.Forget(file.Reference.Record);
        return true;
    });

    public (ByteCount Total, ByteCount Free, long FreeInodes, long TotalInodes) GetSpace() => Ask(() =>
    {
        var free = CountFreeClusters();
        using var mft = _mounted.Open(Interop.LibNtfs.FILE_MFT);
        var records = mft.Data is { } data ? data.Size / Geometry.MftRecordSize : 0;
        using var bitmap = new DataAttribute(mft, _mounted, Interop.LibNtfs.AT_BITMAP);

        // The MFT grows into free clusters, so each of them is room for more records.
        var freeInodes = Math.Min(bitmap.FreeBits(), records) + (free * ClusterSize / Geometry.MftRecordSize);
        return (new ByteCount(Geometry.Clusters * ClusterSize), new ByteCount(free * ClusterSize), freeInodes, records + freeInodes);
    });

    private static DataDescription DataOf(NtfsInode inode, FileId file)
    {
        if (inode.Header.IsDirectory)
        {
            throw new VolumeException(VolumeError.IsDirectory, $"{file} is a directory.");
        }

        var data = inode.Data ?? throw new VolumeException(VolumeError.NotSupported, $"{file} has no data stream.");
        return data.IsEncoded
            ? throw new VolumeException(
                VolumeError.NotSupported, $"{file} is compressed or encrypted by Windows; its data can be used only after it was stored plainly.")
            : data;
    }

    private FileMap MapOf(NtfsInode inode)
    {
        var data = DataOf(inode, IdOf(inode));
        if (data.IsResident)
        {
            return new FileMap([], new ByteCount(data.Valid), new ByteCount(data.Size), ByteCount.Zero);
        }

        using var attribute = new DataAttribute(inode, _mounted);
        return new FileMap(
            Extents(attribute.Runs()), new ByteCount(data.Valid), new ByteCount(data.Size), new ByteCount(data.Allocated));
    }

    private List<FileExtent> Extents(List<(long Vcn, long Lcn, long Length)> runs)
    {
        var extents = new List<FileExtent>(runs.Count);
        foreach (var (vcn, lcn, length) in runs)
        {
            if (lcn < 0)
            {
                continue;
            }

            var next = new FileExtent(
                new FileByteOffset(vcn * ClusterSize), new LunByteOffset(lcn * ClusterSize), new ByteCount(length * ClusterSize));
            if (extents.Count > 0 && extents[^1] is var last && last.FileEnd == next.FileStart && last.LunEnd == next.LunStart)
            {
                extents[^1] = last with { Length = last.Length + next.Length };
            }
            else
            {
                extents.Add(next);
            }
        }

        return extents;
    }

    /// <summary>
    /// The library takes about one hole of each bitmap window a request, so a large request fails on a fragmented volume with
    /// plenty of room:
    /// what is asked for is halved until it fits, and grows again when it did.
    /// </summary>
    private void Grow(DataAttribute attribute, long from, long size)
    {
        var piece = GrowthPieceMax;
        while (from < size)
        {
            var next = Math.Min(size, from + piece);
            if (attribute.TryGrow(next))
            {
                from = next;
                piece = Math.Min(GrowthPieceMax, piece * 2);
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

    private static VolumeException NoRoom() => new(VolumeError.NoSpace, "The volume has no room for this.");

    /// <summary>A cheap refusal first: undoing a growth that failed half way reads the volume anew.</summary>
    private void CheckRoom(long bytes)
    {
        if (bytes > 0 && bytes / ClusterSize > CountFreeClusters())
        {
            throw NoRoom();
        }
    }

    private bool Cut(NtfsInode inode, DataDescription data, long size)
    {
        var target = size;
        using (var attribute = new DataAttribute(inode, _mounted))
        {
            if (!data.IsResident)
            {
                var runs = attribute.Runs();
                var kept = runs.Count <= CutRunsMax ? 0 : runs[^CutRunsMax].Vcn * ClusterSize;
                target = Math.Max(size, Math.Max(kept, (data.Size - CutMax) / ClusterSize * ClusterSize));
            }

            attribute.Cut(target);
        }

        inode.Touch(modified: true);
        inode.Close();
        return target == size;
    }

    /// <summary>Counted once (89 ms on a 4 TiB volume), then followed through the bits that change.</summary>
    private long CountFreeClusters()
    {
        if (_device.BitsSet is { } set)
        {
            return _freeClusters - set;
        }

        using var inode = _mounted.Open(Interop.LibNtfs.FILE_Bitmap);
        using var bitmap = new DataAttribute(inode, _mounted);
        _device.CountBits(
            [.. bitmap.Runs().Select(run => (run.Lcn * ClusterSize, (run.Lcn + run.Length) * ClusterSize))]);
        _freeClusters = bitmap.FreeBits();
        return _freeClusters;
    }
}
