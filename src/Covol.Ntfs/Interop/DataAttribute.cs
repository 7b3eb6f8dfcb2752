using System.Runtime.InteropServices;
using Covol.Protocol;

namespace Covol.Ntfs;

/// <summary>An open unnamed $DATA attribute: its size and its runs.</summary>
internal sealed unsafe class DataAttribute : IDisposable
{
    /// <summary>More runs than any file has; a loop over a damaged list ends here.</summary>
    private const int RunsMax = 64_000_000;

    private readonly MountedVolume _volume;
    private readonly ulong _record;
    private readonly bool _isSparse;
    private nint _handle;

    /// <param name="inode">Whose data.</param>
    /// <param name="volume">The volume it is open on.</param>
    /// <param name="type">Another attribute than $DATA.</param>
    /// <param name="name">A named stream; null: the unnamed one.</param>
    public DataAttribute(NtfsInode inode, MountedVolume volume, int type = Interop.LibNtfs.AT_DATA, string? name = null)
    {
        _volume = volume;
        _record = inode.Record;
        _isSparse = type == Interop.LibNtfs.AT_DATA && name is null && inode.Data is { IsSparse: true };
        fixed (char* text = name)
        {
            _handle = Interop.LibNtfs.ntfs_attr_open(
                inode.Handle, type, name is null ? Interop.LibNtfs.AT_UNNAMED : (nint)text, (uint)(name?.Length ?? 0));
        }

        if (_handle == 0)
        {
            throw volume.Failure($"The data of record {_record} cannot be opened");
        }
    }

    /// <summary>Runs in clusters, in file order; holes have Lcn -1.</summary>
    public List<(long Vcn, long Lcn, long Length)> Runs()
    {
        if (Interop.LibNtfs.ntfs_attr_map_whole_runlist(_handle) != 0)
        {
            throw _volume.Failure($"The runs of record {_record} cannot be read");
        }

        var runs = new List<(long, long, long)>();
        var run = Interop.LibNtfs.ntfs_attr_find_vcn(_handle, 0);
        for (; run != null && run->Length > 0; run++)
        {
            Invariant.Holds(runs.Count < RunsMax, "A run list does not end.");
            runs.Add((run->Vcn, run->Lcn < 0 ? -1 : run->Lcn, run->Length));
        }

        return runs;
    }

    public void MakeNonResident()
    {
        if (Interop.LibNtfs.ntfs_attr_force_non_resident(_handle) != 0)
        {
            throw _volume.Failure($"The data of record {_record} cannot be moved to clusters");
        }
    }

    /// <summary>Allocates up to the size; false when the volume, as fragmented as it is, has no room for it in one
    /// piece.</summary>
    public bool TryGrow(long size)
    {
        if (Interop.LibNtfs.ntfs_attr_truncate_solid(_handle, size) == 0)
        {
            Recount();
            return true;
        }

        return MountedVolume.LastError == Errno.ENOSPC
            ? false
            : throw _volume.Failure($"Record {_record} cannot grow to {size} bytes");
    }

    /// <summary>Makes the size larger; what is new beyond the present clusters is a hole.</summary>
    public void Stretch(long size)
    {
        if (Interop.LibNtfs.ntfs_attr_truncate(_handle, size) != 0)
        {
            throw _volume.Failure($"Record {_record} cannot be made {size} bytes long");
        }
    }

    /// <summary>
    /// Puts another run list in the place of the present one, for as many clusters, and has the library write it: with it go the
    /// sparse flag and the size on the disk. Which clusters are taken and freed is the caller's to tell the bitmap.
    /// </summary>
    public void SetRuns(IReadOnlyList<(long Vcn, long Lcn, long Length)> runs)
    {
        if (Interop.LibNtfs.ntfs_attr_map_whole_runlist(_handle) != 0)
        {
            throw _volume.Failure($"The runs of record {_record} cannot be read");
        }

        // ntfs_attr.rl, attrib.h: the first field, and the library's own memory, which it makes larger itself.
        var list = *(Interop.LibNtfs.RunlistElement**)_handle;
        Invariant.Holds(
            list != null && list == Interop.LibNtfs.ntfs_attr_find_vcn(_handle, 0), "The library keeps its run list elsewhere.");
        var present = 0;
        for (; list[present].Length > 0; present++)
        {
            Invariant.Holds(present < RunsMax, "A run list does not end.");
        }

        var end = list[present].Vcn;
        Invariant.Holds(
            runs.Count > 0 && runs[^1].Vcn + runs[^1].Length == end, "A run list was to be replaced by one of another length.");
        if (runs.Count > present)
        {
            list = Interop.LibNtfs.ntfs_rl_extend(_handle, list, runs.Count - present);
            if (list == null)
            {
                throw _volume.Failure($"The runs of record {_record} cannot be replaced");
            }
        }

        for (var index = 0; index < runs.Count; index++)
        {
            var (vcn, lcn, length) = runs[index];
            list[index] = new Interop.LibNtfs.RunlistElement { Vcn = vcn, Lcn = lcn, Length = length };
        }

        list[runs.Count] = new Interop.LibNtfs.RunlistElement { Vcn = end, Lcn = Interop.LibNtfs.LCN_ENOENT, Length = 0 };
        if (Interop.LibNtfs.ntfs_attr_update_mapping_pairs(_handle, 0) != 0)
        {
            throw _volume.Failure($"The runs of record {_record} cannot be written");
        }
    }

    /// <summary>
    /// The library writes the runs that are new and, in some files, not the size on the disk, which is without the holes. It does when it writes
    /// all of them.
    /// </summary>
    private void Recount()
    {
        if (_isSparse
            && (Interop.LibNtfs.ntfs_attr_map_whole_runlist(_handle) != 0 || Interop.LibNtfs.ntfs_attr_update_mapping_pairs(_handle, 0) != 0))
        {
            throw _volume.Failure($"The runs of record {_record} cannot be written");
        }
    }

    /// <summary>Takes so many clusters, in one piece or a few; null when the volume has no room for them at once.</summary>
    public List<(long Lcn, long Length)>? TryTakeClusters(long count, long near)
    {
        var list = Interop.LibNtfs.ntfs_cluster_alloc(_volume.Handle, 0, count, near, Interop.LibNtfs.DATA_ZONE);
        if (list == null)
        {
            return MountedVolume.LastError == Errno.ENOSPC
                ? null
                : throw _volume.Failure($"No clusters can be taken for record {_record}");
        }

        var taken = new List<(long, long)>();
        for (var run = list; run->Length > 0; run++)
        {
            Invariant.Holds(taken.Count < RunsMax && run->Lcn >= 0, "The library took clusters that lie nowhere.");
            taken.Add((run->Lcn, run->Length));
        }

        NativeMemory.Free(list);
        return taken;
    }

    public void FreeClusters(long lcn, long count)
    {
        if (Interop.LibNtfs.ntfs_cluster_free_basic(_volume.Handle, lcn, count) != 0)
        {
            throw _volume.Failure($"Clusters of record {_record} cannot be freed");
        }
    }

    public void Cut(long size)
    {
        if (Interop.LibNtfs.ntfs_attr_truncate(_handle, size) != 0)
        {
            throw _volume.Failure($"Record {_record} cannot be cut to {size} bytes");
        }
    }

    public int Read(long position, Span<byte> target)
    {
        fixed (byte* to = target)
        {
            var done = Interop.LibNtfs.ntfs_attr_pread(_handle, position, target.Length, to);
            return done >= 0 ? (int)done : throw _volume.Failure($"The data of record {_record} cannot be read");
        }
    }

    /// <summary>All of it, within the attribute's size, through the overlay.</summary>
    public void Write(long position, ReadOnlySpan<byte> source)
    {
        fixed (byte* from = source)
        {
            for (var done = 0L; done < source.Length;)
            {
                var written = Interop.LibNtfs.ntfs_attr_pwrite(_handle, position + done, source.Length - done, from + done);
                done += written > 0 ? written : throw _volume.Failure($"The data of record {_record} cannot be written");
            }
        }
    }

    public long FreeBits()
    {
        var free = Interop.LibNtfs.ntfs_attr_get_free_bits(_handle);
        return free >= 0 ? free : throw _volume.Failure($"The bitmap in record {_record} cannot be read");
    }

    public void Dispose()
    {
        if (_handle != 0)
        {
            Interop.LibNtfs.ntfs_attr_close(_handle);
            _handle = 0;
        }
    }
}
