namespace Covol.Ntfs;

/// <summary>A walk over the attribute records of one inode.</summary>
internal sealed unsafe class AttributeSearch : IDisposable
{
    private readonly MountedVolume _volume;
    private readonly ulong _record;
    private nint _context;

    public AttributeSearch(NtfsInode inode, MountedVolume volume)
    {
        _volume = volume;
        _record = inode.Record;
        _context = Interop.LibNtfs.ntfs_attr_get_search_ctx(inode.Handle, 0);
        if (_context == 0)
        {
            throw volume.Failure($"The attributes of record {_record} cannot be searched");
        }
    }

    /// <summary>The base MFT record; only before the first <see cref="Next"/>.</summary>
    public nint MftRecord => *(nint*)_context;

    /// <summary>The attribute record found, as it is on the disk.</summary>
    public nint Attribute => *(nint*)(_context + sizeof(nint));

    /// <summary>The library's inode whose record holds the attribute found: the file's own, or an extent of it.</summary>
    public nint Holder => *(nint*)(_context + (3 * sizeof(nint)));

    /// <summary>Finds the first, then the next unnamed attribute of a type; false when there is none any more.</summary>
    public bool Next(int type)
    {
        if (Interop.LibNtfs.ntfs_attr_lookup(type, Interop.LibNtfs.AT_UNNAMED, 0, 0, 0, 0, 0, _context) == 0)
        {
            return true;
        }

        return MountedVolume.LastError == Errno.ENOENT
            ? false
            : throw _volume.Failure($"The attributes of record {_record} cannot be read");
    }

    public void Dispose()
    {
        if (_context != 0)
        {
            Interop.LibNtfs.ntfs_attr_put_search_ctx(_context);
            _context = 0;
        }
    }
}
