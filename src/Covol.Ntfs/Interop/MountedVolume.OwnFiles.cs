namespace Covol.Ntfs;

/// <summary>Our own files in the root, made once at formatting.</summary>
internal sealed unsafe partial class MountedVolume
{
    private const ulong RootRecord = 5;
    private const int FillersMax = 32;

    /// <summary>A hidden system file, allocated in as few runs as there are, all of it valid. Returns the runs.</summary>
    public List<(long Vcn, long Lcn, long Length)> CreateOwnFile(string name, long length)
    {
        var record = CreateEmptyOwnFile(name);
        GrowOwnFile(record, name, length);
        return RunsOf(record);
    }

    /// <summary>A hidden system file; answers its MFT record.</summary>
    public ulong CreateEmptyOwnFile(string name)
    {
        using var root = Open(RootRecord);
        using var file = Create(root, name, isDirectory: false);
        var record = file.Record;
        Hide(file);
        root.Close();
        file.Close();
        return record;
    }

    /// <summary>Gives it clusters, all of them valid.</summary>
    public void GrowOwnFile(ulong record, string name, long length)
    {
        using var file = Open(record);
        using (var data = new DataAttribute(file, this))
        {
            data.MakeNonResident();
            if (!data.TryGrow(length))
            {
                throw new NtfsRefusedException($"The volume has no room for '{name}' of {length} bytes.");
            }
        }

        file.SetValidLength(length);
        file.Close();
        Forget(record);
    }

    public bool HasAnyOf(IEnumerable<string> names)
    {
        using var root = Open(RootRecord);
        return names.Any(name => Find(root, name) is not null);
    }

    /// <summary>
    /// The same, in one run. The library begins with the first hole it meets, which on a new volume of some terabytes is three
    /// clusters
    /// wide: such holes are filled while the file is made. More runs than one: there is no such room.
    /// </summary>
    public List<(long Vcn, long Lcn, long Length)> CreateOwnFileInOneRun(string name, long length, int clusterSize)
    {
        var fillers = new List<string>();
        var runs = CreateOwnFile(name, length);
        while (runs.Count > 1 && fillers.Count < FillersMax)
        {
            DeleteOwnFile(name);
            fillers.Add($"{name}.{fillers.Count}");
            CreateOwnFile(fillers[^1], runs.SkipLast(1).Sum(run => run.Length) * clusterSize);
            runs = CreateOwnFile(name, length);
        }

        fillers.ForEach(DeleteOwnFile);
        return runs;
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

    public void DeleteOwnFile(string name)
    {
        using var root = Open(RootRecord);
        var reference = Find(root, name) ?? throw new NtfsEngineException($"'{name}' was made and is not there.");
        using var file = Open(new Protocol.Ids.FileReference(reference).Record);
        Delete(file, root, name);
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
