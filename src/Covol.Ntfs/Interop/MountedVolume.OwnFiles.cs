namespace Covol.Ntfs;

/// <summary>Our own files in the root, made once at formatting.</summary>
internal sealed unsafe partial class MountedVolume
{
    private const ulong RootRecord = 5;

    /// <summary>A hidden system file, allocated in as few runs as there are, all of it valid. Returns the runs.</summary>
    public List<(long Vcn, long Lcn, long Length)> CreateOwnFile(string name, long length)
    {
        ulong record;
        using (var root = Open(RootRecord))
        {
            using var file = Create(root, name, isDirectory: false);
            record = file.Record;
            using (var data = new DataAttribute(file, this))
            {
                data.MakeNonResident();
                if (!data.TryGrow(length))
                {
                    throw new NtfsRefusedException($"The volume has no room for '{name}' of {length} bytes.");
                }
            }

            file.SetValidLength(length);
            Hide(file);
            root.Close();
            file.Close();
        }

        return RunsOf(record);
    }

    public void CreateOwnDirectory(string name)
    {
        using var root = Open(RootRecord);
        using var directory = Create(root, name, isDirectory: true);
        Hide(directory);
        root.Close();
        directory.Close();
    }

    public List<(long Vcn, long Lcn, long Length)> RunsOf(ulong record)
    {
        using var inode = Open(record);
        using var data = new DataAttribute(inode, this);
        return data.Runs();
    }

    private void Hide(NtfsInode inode)
    {
        var flags = inode.Flags | Interop.LibNtfs.FILE_ATTR_HIDDEN | Interop.LibNtfs.FILE_ATTR_SYSTEM;
        if (Interop.LibNtfs.ntfs_set_ntfs_attrib(inode.Handle, &flags, sizeof(uint), 0) != 0)
        {
            throw Failure($"The attributes of record {inode.Record} cannot be set");
        }
    }
}
