using Covol.Protocol;

namespace Covol.Ntfs;

/// <summary>An open unnamed $DATA attribute: its size and its runs.</summary>
internal sealed unsafe class DataAttribute : IDisposable
{
    /// <summary>More runs than any file has; a loop over a damaged list ends here.</summary>
    private const int RunsMax = 64_000_000;

    private readonly MountedVolume _volume;
    private readonly ulong _record;
    private nint _handle;

    /// <param name="inode">Whose data.</param>
    /// <param name="volume">The volume it is open on.</param>
    /// <param name="type">Another attribute than $DATA.</param>
    /// <param name="name">A named stream; null: the unnamed one.</param>
    public DataAttribute(NtfsInode inode, MountedVolume volume, int type = Interop.LibNtfs.AT_DATA, string? name = null)
    {
        _volume = volume;
        _record = inode.Record;
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
            return true;
        }

        return MountedVolume.LastError == Errno.ENOSPC
            ? false
            : throw _volume.Failure($"Record {_record} cannot grow to {size} bytes");
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
