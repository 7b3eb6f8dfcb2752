using System.Runtime.InteropServices;

namespace Covol.Ntfs;

/// <summary>
/// One open inode of libntfs-3g. Rules of the library: an inode is never open twice; closing writes it, and opens the parent
/// of a changed
/// name, so a directory is closed before the file in it. No <see cref="SafeHandle"/>: a finalizer would close it on another
/// thread.
/// </summary>
internal sealed unsafe class NtfsInode : IDisposable
{
    private readonly MountedVolume _volume;
    private nint _handle;

    public NtfsInode(MountedVolume volume, nint handle)
    {
        _volume = volume;
        _handle = handle;
        Record = *(ulong*)handle;
    }

    /// <summary>Its MFT record number.</summary>
    public ulong Record { get; }

    public nint Handle => _handle != 0 ? _handle : throw new ObjectDisposedException(nameof(NtfsInode));

    /// <summary>File attributes as NTFS keeps them.</summary>
    public uint Flags
    {
        get
        {
            uint flags = 0;
            return Interop.LibNtfs.ntfs_get_ntfs_attrib(Handle, &flags, sizeof(uint)) >= 0
                ? flags
                : throw _volume.Failure($"The attributes of record {Record} cannot be read");
        }
    }

    /// <summary>Sequence number, link count and whether it is a directory, from the MFT record's header (layout.h,
    /// MFT_RECORD).</summary>
    public (ushort Sequence, ushort Links, bool IsDirectory) Header
    {
        get
        {
            using var search = new AttributeSearch(this, _volume);
            var record = search.MftRecord;
            return (*(ushort*)(record + 0x10), *(ushort*)(record + 0x12), (*(ushort*)(record + 0x16) & 2) != 0);
        }
    }

    /// <summary>Creation, modification, access, change: 100 ns since 1601.</summary>
    public (long Created, long Modified, long Accessed, long Changed) Times
    {
        get
        {
            var times = stackalloc long[4];
            return Interop.LibNtfs.ntfs_inode_get_times(Handle, times, 4 * sizeof(long)) >= 0
                ? (times[0], times[1], times[2], times[3])
                : throw _volume.Failure($"The times of record {Record} cannot be read");
        }
    }

    /// <summary>The unnamed data as its attribute record describes it; null where there is none (directories).</summary>
    public DataDescription? Data
    {
        get
        {
            using var search = new AttributeSearch(this, _volume);
            return search.Next(Interop.LibNtfs.AT_DATA) ? DataDescription.Read(search.Attribute) : null;
        }
    }

    /// <summary>All names, without short (8.3) ones.</summary>
    public List<NtfsName> Names
    {
        get
        {
            var names = new List<NtfsName>();
            using var search = new AttributeSearch(this, _volume);
            while (search.Next(Interop.LibNtfs.AT_FILE_NAME))
            {
                // FILE_NAME_ATTR: parent reference at 0, length at 0x40, kind at 0x41, name at 0x42.
                var value = search.Attribute + *(ushort*)(search.Attribute + 20);
                if (*(byte*)(value + 0x41) != Interop.LibNtfs.FILE_NAME_DOS)
                {
                    names.Add(new NtfsName(*(ulong*)value, new string((char*)(value + 0x42), 0, *(byte*)(value + 0x40))));
                }
            }

            return names;
        }
    }

    public void MarkDirty() => Interop.LibNtfs.ntfs_inode_mark_dirty(Handle);

    /// <summary>Sets the modification and change time, or only the latter, to now.</summary>
    public void Touch(bool modified) => Interop.LibNtfs.ntfs_inode_update_times(
        Handle, modified ? Interop.LibNtfs.NTFS_UPDATE_MCTIME : Interop.LibNtfs.NTFS_UPDATE_CTIME);

    /// <summary>
    /// Sets the times; the library sets the change time to now, so another one is put over it on the record
    /// (STANDARD_INFORMATION: change
    /// time at 16). The inode has to be forgotten after it is closed: the library would keep these times against later changes.
    /// </summary>
    public void SetTimes(long created, long modified, long accessed, long? changed)
    {
        var times = stackalloc long[3] { created, modified, accessed };
        if (Interop.LibNtfs.ntfs_inode_set_times(Handle, times, 3 * sizeof(long), 0) != 0)
        {
            throw _volume.Failure($"The times of record {Record} cannot be set");
        }

        if (changed is { } time)
        {
            using var search = new AttributeSearch(this, _volume);
            if (search.Next(Interop.LibNtfs.AT_STANDARD_INFORMATION))
            {
                *(long*)(search.Attribute + *(ushort*)(search.Attribute + 20) + 16) = time;
            }
        }

        MarkDirty();
    }

    /// <summary>Raises the data's initialized size on its attribute record.</summary>
    public void SetValidLength(long length) => SetDataField(DataDescription.ValidOffset, length);

    /// <summary>
    /// Sets the data's size on its attribute record, with the clusters as they are. The inode has to be forgotten after it is
    /// closed: the
    /// library knows another size.
    /// </summary>
    public void SetSize(long length) => SetDataField(DataDescription.SizeOffset, length);

    /// <summary>Writes what changed. Throws when that fails, which is never the fault of a request.</summary>
    public void Close()
    {
        var handle = Release();
        if (Interop.LibNtfs.ntfs_inode_close(handle) != 0)
        {
            throw _volume.Failure($"Record {Record} cannot be written");
        }
    }

    /// <summary>The library takes it over and closes it.</summary>
    public nint Release()
    {
        var handle = Handle;
        _handle = 0;
        return handle;
    }

    /// <summary>For the way out after a failure: the operation is undone, so what closing says does not matter.</summary>
    public void Dispose()
    {
        if (_handle != 0)
        {
            _ = Interop.LibNtfs.ntfs_inode_close(Release());
        }
    }

    private void SetDataField(int offset, long value)
    {
        using var search = new AttributeSearch(this, _volume);
        if (!search.Next(Interop.LibNtfs.AT_DATA))
        {
            throw _volume.Failure($"The data of record {Record} cannot be found");
        }

        *(long*)(search.Attribute + offset) = value;

        // Of a file in many pieces the attribute may lie in an extent record, which is written only when it is dirty itself.
        Interop.LibNtfs.ntfs_inode_mark_dirty(search.Holder);
        MarkDirty();
    }
}
