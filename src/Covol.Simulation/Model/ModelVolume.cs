using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;
using Covol.Simulation.Parts;

namespace Covol.Simulation.Model;

/// <summary>
/// The namespace engine of most seeds: what <see cref="INtfsVolume"/> promises, in memory, with commits that are real blocks on the simulated
/// LUN. Regular files, with holes where the world has them, and directories; no extended attributes, no links to paths.
/// </summary>
internal sealed partial class ModelVolume : INtfsVolume
{
    /// <summary>Clusters that one step frees: few, so that a cut takes several commits.</summary>
    private const int FreeStepMax = 3;

    /// <summary>Of this many created names one takes a page of metadata for a moment.</summary>
    private const int PageEvery = 3;

    private const int ClusterSize = ModelDisk.ClusterSize;

    private readonly ModelDisk _disk;
    private readonly IBlockDevice _device;
    private readonly long _epoch;
    private readonly List<ReadOnlyMemory<byte>> _changesSince;
    private readonly Rules _rules;
    private readonly ModelPages _pages;
    private ReadOnlyMemory<byte> _whole;
    private ModelState _state;
    private ModelState _committed;
    private long _lap;
    private long _last;
    private int _markers;

    private ModelVolume(ModelDisk disk, IBlockDevice device, ModelDisk.Commit start, Rules rules)
    {
        _disk = disk;
        _rules = rules;
        _device = device;
        _pages = new ModelPages(device, rules.Journal);
        _epoch = start.Epoch;
        _lap = start.Lap;
        _last = start.Number;
        _state = _committed = start.State;
        _whole = start.Caller.CheckpointState;
        _changesSince = [.. start.Caller.Changes];
    }

    int INtfsVolume.ClusterSize => ClusterSize;

    public FileId Root => _state.Inodes[5].File;

    public bool HasRoomForChange => true;

    public double JournalUse => (double)_markers / ModelDisk.MarkersMax;

    /// <summary>Recovery: find the newest commit, take it over under the new epoch, stable.</summary>
    public static (ModelVolume Volume, JournalRecovery Recovery) Open(
        ModelDisk disk, IBlockDevice device, Epoch epoch, Rules rules)
    {
        var found = disk.Recover(device, rules.Replays);
        if (found.Epoch > epoch.Value)
        {
            throw new NtfsRefusedException($"The volume is in epoch {found.Epoch} already.");
        }

        // Pages of metadata lay there once, or data of small files; what lies there now is written over.
        foreach (var (cluster, page) in found.Pages.OrderBy(static page => page.Key))
        {
            device.Write(new LunByteOffset(ModelDisk.ClusterAt(cluster)), page);
        }

        device.Flush();
        var start = disk.Keep(found with { Lap = found.Lap + 1, Epoch = epoch.Value, Previous = -1, Pages = ModelPages.None });
        ModelDisk.Write(device, 0, start);
        device.Flush();
        return (new ModelVolume(disk, device, start, rules), start.Caller);
    }

    public InodeAttributes? Lookup(FileId directory, string name) =>
        Directory(directory).Names.TryGetValue(name, out var record) ? Attributes(_state.Inodes[record]) : null;

    public InodeAttributes GetAttributes(FileId file) => Attributes(Inode(file));

    public InodeAttributes SetAttributes(FileId file, AttributeChange change)
    {
        ArgumentNullException.ThrowIfNull(change);
        var inode = Inode(file);
        return Attributes(Put(inode with { Mode = change.Mode ?? inode.Mode, Modified = change.Modified ?? inode.Modified }));
    }

    public InodeAttributes Create(FileId directory, string name, NewInode inode)
    {
        ArgumentNullException.ThrowIfNull(inode);
        var parent = Directory(directory);
        RequireFree(parent, name);
        if (inode.Kind is not (FileKind.Regular or FileKind.Directory))
        {
            throw new VolumeException(VolumeError.NotSupported, "The model has regular files and directories only.");
        }

        var record = _state.LastRecord + 1;
        _state = _state with { LastRecord = record };
        if (record % PageEvery == 0 && !_state.Free.IsEmpty)
        {
            // As a directory's index block that is free again in the same group: the journal holds it until the next checkpoint.
            _pages.HoldMetadata(_state.Free.Peek());
        }

        var created = Put(new ModelInode
        {
            File = new FileId(new FileReference(record, 1), (long)record),
            Kind = inode.Kind,
            Mode = inode.Mode,
        });
        Put(parent with { Names = parent.Names.Add(name, record) });
        return Attributes(created);
    }

    public InodeAttributes Link(FileId file, FileId directory, string name)
    {
        var parent = Directory(directory);
        RequireFree(parent, name);
        var inode = Inode(file);
        Put(parent with { Names = parent.Names.Add(name, inode.File.Reference.Record) });
        return Attributes(Put(inode with { LinkCount = inode.LinkCount + 1 }));
    }

    public FileId? Unlink(FileId directory, string name, bool isDirectory)
    {
        var parent = Directory(directory);
        var inode = Named(parent, name);
        if (isDirectory != (inode.Kind == FileKind.Directory))
        {
            throw new VolumeException(isDirectory ? VolumeError.NotDirectory : VolumeError.IsDirectory, $"'{name}' is not that.");
        }

        if (!inode.Names.IsEmpty)
        {
            throw new VolumeException(VolumeError.NotEmpty, $"'{name}' holds names.");
        }

        Put(parent with { Names = parent.Names.Remove(name) });
        return DropName(inode);
    }

    public FileId? Rename(FileId fromDirectory, string fromName, FileId toDirectory, string toName, RenameMode mode)
    {
        var moved = Named(Directory(fromDirectory), fromName);
        if (moved.Kind == FileKind.Directory && (fromDirectory != toDirectory || mode == RenameMode.Exchange))
        {
            throw new VolumeException(VolumeError.NotSupported, "The model does not move directories.");
        }

        var there = Directory(toDirectory).Names.TryGetValue(toName, out var taken) ? _state.Inodes[taken] : null;
        if (there is not null && mode == RenameMode.NoReplace)
        {
            throw new VolumeException(VolumeError.Exists, $"'{toName}' is taken.");
        }

        if (there is null && mode == RenameMode.Exchange)
        {
            throw new VolumeException(VolumeError.NotFound, $"There is no '{toName}'.");
        }

        if (there == moved)
        {
            return null;
        }

        SetName(fromDirectory, fromName, mode == RenameMode.Exchange ? there : null);
        SetName(toDirectory, toName, moved);
        return there is null || mode == RenameMode.Exchange ? null : DropName(there);
    }

    public string ReadLink(FileId file) => throw new VolumeException(VolumeError.InvalidArgument, "The model has no symbolic links.");

    public IReadOnlyList<DirectoryEntry> List(FileId directory) =>
        [.. Directory(directory).Names.Select(name => new DirectoryEntry(
            name.Key, _state.Inodes[name.Value].File, _state.Inodes[name.Value].Kind))];

    public (IReadOnlyList<(string Name, FileReference File)> Names, bool IsLast) NamesAfter(FileId directory, string? after, int max)
    {
        var rest = Directory(directory).Names.Where(name => after is null || string.CompareOrdinal(name.Key, after) > 0).ToList();
        return ([.. rest.Take(max).Select(name => (name.Key, _state.Inodes[name.Value].File.Reference))], rest.Count <= max);
    }

    public DirectoryEntry? EntryOf(FileId directory, string name, FileReference file, bool withAttributes = false) =>
        Directory(directory).Names.TryGetValue(name, out var record) && _state.Inodes[record].File.Reference == file
            ? new DirectoryEntry(
                name,
                _state.Inodes[record].File,
                _state.Inodes[record].Kind,
                withAttributes ? GetAttributes(_state.Inodes[record].File) : null)
            : null;

    public FileReference ParentOf(FileId directory)
    {
        var record = Directory(directory).File.Reference.Record;
        return (_state.Inodes.Values.FirstOrDefault(inode => inode.Names.ContainsValue(record))?.File ?? directory).Reference;
    }

    public InodeAttributes CreateNameless(NewInode inode) =>
        throw new VolumeException(VolumeError.NotSupported, "The model has no files without a name.");

    public InodeAttributes LinkNameless(FileId file, FileId directory, string name) =>
        throw new VolumeException(VolumeError.NotSupported, "The model has no files without a name.");

    public FileMap Map(FileId file) => Map(Inode(file));

    public FileMap Extend(FileId file, ByteCount size)
    {
        var inode = Inode(file);
        var needed = ClustersOf(size.Value) - inode.Clusters.Length;
        if (needed > _state.FreeCount)
        {
            throw new VolumeException(VolumeError.NoSpace, $"{needed} clusters are wanted, {_state.FreeCount} are free.");
        }

        inode = Grow(inode, needed);
        return Map(Put(inode with { Size = Math.Max(inode.Size, size.Value) }));
    }

    public FileMap Preallocate(FileId file, ByteCount length)
    {
        var inode = Inode(file);
        return Map(Put(Grow(inode, Math.Min(_state.FreeCount, ClustersOf(length.Value) - inode.Clusters.Length))));
    }

    public FileMap TrimStep(FileId file)
    {
        var inode = Inode(file);
        return Map(Put(Cut(inode, Math.Max(ClustersOf(inode.Size), inode.Clusters.Length - FreeStepMax))));
    }

    private static int ClustersOf(long bytes) => (int)((bytes + ClusterSize - 1) / ClusterSize);

    private ModelInode Grow(ModelInode inode, int needed)
    {
        var clusters = inode.Clusters.ToBuilder();
        for (var index = 0; index < needed; index++)
        {
            clusters.Add(Take());
        }

        return inode with { Clusters = clusters.ToImmutable() };
    }

    public bool ShrinkStep(FileId file, ByteCount size)
    {
        var inode = Inode(file);
        if (inode.Size < size.Value)
        {
            return true;
        }

        var left = ClustersOf(size.Value);
        var upTo = Math.Max(left, inode.Clusters.Length - FreeStepMax);
        inode = Cut(inode, upTo);
        var isDone = upTo == left;
        var end = isDone ? size.Value : Math.Min(inode.Size, (long)upTo * ClusterSize);
        Put(inode with { Size = end, ValidLength = Math.Min(inode.ValidLength, end) });
        return isDone;
    }

    public void SetValidLength(FileId file, ByteCount validLength, FileTime modified)
    {
        var inode = Inode(file);
        var valid = Math.Max(inode.ValidLength, validLength.Value);
        Protocol.Invariant.Holds(valid <= (long)inode.Clusters.Length * ClusterSize, "Valid length passes what has clusters or is a hole.");
        Put(inode with { ValidLength = valid, Size = Math.Max(inode.Size, valid), Modified = modified });
    }

    public byte[]? GetExtendedAttribute(FileId file, string name) => null;

    public void SetExtendedAttribute(FileId file, string name, ReadOnlySpan<byte> value, bool mustExist, bool mustNotExist) =>
        throw new VolumeException(VolumeError.NotSupported, "The model has no extended attributes.");

    public IReadOnlyList<string> ListExtendedAttributes(FileId file) => [];

    public void RemoveExtendedAttribute(FileId file, string name) =>
        throw new VolumeException(VolumeError.NoSuchAttribute, "The model has no extended attributes.");

    public IReadOnlyList<FileId> Orphans() => [.. _state.Orphans.Select(record => _state.Inodes[record].File)];

    public bool PurgeOrphanStep(FileId orphan)
    {
        var inode = Inode(orphan);
        var cut = Cut(inode, Math.Max(0, inode.Clusters.Length - FreeStepMax));
        if (!cut.Clusters.IsEmpty)
        {
            var end = (long)cut.Clusters.Length * ClusterSize;
            Put(cut with { Size = Math.Min(cut.Size, end), ValidLength = Math.Min(cut.ValidLength, end) });
            return false;
        }

        var record = orphan.Reference.Record;
        _state = _state with { Inodes = _state.Inodes.Remove(record), Orphans = _state.Orphans.Remove(record) };
        return true;
    }

    public (ByteCount Total, ByteCount Free, long FreeInodes, long TotalInodes) GetSpace() =>
        (new ByteCount((long)_disk.Clusters * ClusterSize), new ByteCount((long)_state.FreeCount * ClusterSize), 1 << 20, 1 << 20);

    public void Commit(ReadOnlySpan<byte> callerState)
    {
        if (callerState.IsEmpty && ReferenceEquals(_state, _committed))
        {
            return;
        }

        if (_markers == ModelDisk.MarkersMax)
        {
            // The lap is full: a checkpoint that carries the caller's state on, as the real journal does.
            _pages.EndLap();
            WriteSuperblock(new JournalRecovery(_whole, [.. _changesSince]), _committed);
        }

        ReadOnlyMemory<byte> change = callerState.ToArray();
        if (!change.IsEmpty)
        {
            _changesSince.Add(change);
        }

        var commit = _disk.Keep(new ModelDisk.Commit(
            0, _lap, _epoch, _last, _state, new JournalRecovery(_whole, [.. _changesSince]), change, _pages.OfLap()));
        ModelDisk.Write(_device, ++_markers, commit);
        if (_rules.Journal.FlushRecords)
        {
            _device.Flush();
        }

        _pages.Committed();
        _last = commit.Number;
        _committed = _state;
    }

    public bool WriteBackStep() => _pages.WriteBackStep();

    public bool MustCheckpointBefore(IReadOnlyList<FileExtent> grant) =>
        _rules.ChecksJournalBeforeGrant && grant.Any(extent =>
        {
            var first = ModelDisk.ClusterOf(extent.LunStart.Value);
            return _pages.HoldsAny(first, (int)(extent.Length.Value / ClusterSize));
        });

    public void Checkpoint(ReadOnlySpan<byte> callerState)
    {
        _whole = _rules.KeepsStateAtCheckpoint ? callerState.ToArray() : default;
        _changesSince.Clear();
        _pages.EndLap();
        WriteSuperblock(new JournalRecovery(_whole, []), _committed);
    }

    public void Dispose()
    {
        // Nothing is held: what was not committed is gone with this object.
    }

    /// <summary>Where each cluster of the volume belongs: the file's record, or 0.</summary>
    public static ulong[] Owners(ModelState state, int clusters)
    {
        var owners = new ulong[clusters];
        foreach (var (record, inode) in state.Inodes)
        {
            foreach (var cluster in inode.Clusters.Where(static cluster => cluster != ModelInode.Hole))
            {
                Protocol.Invariant.Holds(owners[cluster] == 0, "The model volume gave one cluster to two files.");
                owners[cluster] = record;
            }
        }

        return owners;
    }

    private void WriteSuperblock(JournalRecovery caller, ModelState state)
    {
        if (_rules.Journal.FlushBeforeLap)
        {
            _device.Flush();
        }

        _lap++;
        var commit = _disk.Keep(new ModelDisk.Commit(0, _lap, _epoch, -1, state, caller, default, ModelPages.None));
        ModelDisk.Write(_device, 0, commit);
        _device.Flush();
        _last = commit.Number;
        _markers = 0;
    }

    private static FileMap Map(ModelInode inode)
    {
        var extents = new List<FileExtent>();
        for (var index = 0; index < inode.Clusters.Length; index++)
        {
            if (inode.Clusters[index] == ModelInode.Hole)
            {
                continue;
            }

            var place = new LunByteOffset(ModelDisk.ClusterAt(inode.Clusters[index]));
            if (extents.Count > 0 && extents[^1].LunEnd == place && extents[^1].FileEnd.Value == (long)index * ClusterSize)
            {
                extents[^1] = extents[^1] with { Length = extents[^1].Length + new ByteCount(ClusterSize) };
            }
            else
            {
                extents.Add(new FileExtent(new FileByteOffset((long)index * ClusterSize), place, new ByteCount(ClusterSize)));
            }
        }

        return new FileMap(
            extents,
            new ByteCount(inode.ValidLength),
            new ByteCount(inode.Size),
            AllocatedTo(inode));
    }

    private FileId? DropName(ModelInode inode)
    {
        if (inode.LinkCount > 1)
        {
            Put(inode with { LinkCount = inode.LinkCount - 1 });
            return null;
        }

        var record = inode.File.Reference.Record;
        if (inode.Kind == FileKind.Directory)
        {
            _state = _state with { Inodes = _state.Inodes.Remove(record) };
            return null;
        }

        _state = _state with { Orphans = _state.Orphans.Add(record) };
        return inode.File;
    }

    private void SetName(FileId directory, string name, ModelInode? inode)
    {
        var parent = Directory(directory);
        Put(parent with
        {
            Names = inode is null ? parent.Names.Remove(name) : parent.Names.SetItem(name, inode.File.Reference.Record),
        });
    }

    private static void RequireFree(ModelInode directory, string name)
    {
        if (directory.Names.ContainsKey(name))
        {
            throw new VolumeException(VolumeError.Exists, $"'{name}' is taken.");
        }
    }

    private ModelInode Named(ModelInode directory, string name) => directory.Names.TryGetValue(name, out var record)
        ? _state.Inodes[record]
        : throw new VolumeException(VolumeError.NotFound, $"There is no '{name}'.");

    private ModelInode Directory(FileId file) => Inode(file) is { Kind: FileKind.Directory } directory
        ? directory
        : throw new VolumeException(VolumeError.NotDirectory, $"{file} is no directory.");

    private ModelInode Inode(FileId file) =>
        _state.Inodes.TryGetValue(file.Reference.Record, out var inode) && inode.File == file
            ? inode
            : throw new VolumeException(VolumeError.Stale, $"{file} is not there any more.");

    private ModelInode Put(ModelInode inode)
    {
        _state = _state with { Inodes = _state.Inodes.SetItem(inode.File.Reference.Record, inode) };
        return inode;
    }

    private static InodeAttributes Attributes(ModelInode inode) => new(
        inode.File,
        inode.Kind,
        inode.Mode,
        0,
        0,
        inode.LinkCount,
        new ByteCount(inode.Size),
        AllocatedTo(inode),
        0,
        inode.Modified,
        inode.Modified,
        inode.Modified);
}
