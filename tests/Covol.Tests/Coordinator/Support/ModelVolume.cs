using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Tests.Coordinator.Support;

/// <summary>
/// An <see cref="INtfsVolume"/> in memory: names, maps, orphans, and a record of commits. What is not committed is lost with
/// <see cref="Crash"/>. Clusters come from the start of the LUN; freed ones are taken again first.
/// </summary>
internal sealed partial class ModelVolume : INtfsVolume
{
    public const int Cluster = 4096;
    private const ulong RootRecord = 5;

    /// <summary>Clusters that one step of cutting or purging frees.</summary>
    private const int StepClusters = 4;

    private readonly Dictionary<FileId, Inode> _inodes = [];
    private readonly SortedSet<long> _free = [];
    private readonly List<byte[]> _changes = [];
    private readonly List<(Dictionary<FileId, Inode> Inodes, long[] Free)> _committed = [];
    private double _uncommittedShare;
    private byte[] _checkpoint = [];
    private ulong _lastRecord = 63;

    public ModelVolume(int clusters)
    {
        for (long cluster = 0; cluster < clusters; cluster++)
        {
            _free.Add(cluster);
        }

        Root = new FileId(new FileReference(RootRecord, 1), 1);
        _inodes.Add(Root, new Inode(Root, FileKind.Directory) { Links = 1 });
        Keep();
    }

    public int ClusterSize => Cluster;

    public FileId Root { get; }

    public int Commits { get; private set; }

    public int Checkpoints { get; private set; }

    public double JournalUse => (_changes.Count / 1_000_000.0) + _uncommittedShare;

    /// <summary>Share of the journal's ring that each change from now on fills; a commit of more than a whole ring fails.</summary>
    public double ShareOfEachChange { get; set; }

    /// <summary>The largest record so far, as a share of the ring.</summary>
    public double LargestCommit { get; private set; }

    /// <summary>How often a directory's names were listed.</summary>
    public int Listings { get; private set; }

    public bool HasRoomForChange => true;

    /// <summary>The clusters that are free right now.</summary>
    public IReadOnlyCollection<long> Free => _free;

    /// <summary>Called before each commit; may throw.</summary>
    public Action? BeforeCommit { get; set; }

    /// <summary>What a recovery from the journal gives.</summary>
    public JournalRecovery Recover() => new(_checkpoint, [.. _changes.Select(change => (ReadOnlyMemory<byte>)change)]);

    /// <summary>Back to the last commit, as after a crash of the coordinator.</summary>
    public void Crash()
    {
        var (inodes, free) = _committed[^1];
        _inodes.Clear();
        foreach (var inode in inodes.Values)
        {
            _inodes.Add(inode.Id, inode.Copy());
        }

        _free.Clear();
        _free.UnionWith(free);
    }

    public InodeAttributes? Lookup(FileId directory, string name) =>
        Directory(directory).Names.TryGetValue(name, out var file) ? Find(file).Attributes : null;

    /// <summary>Called with each look at attributes, on the metadata thread; may wait.</summary>
    public Action? BeforeAttributes { get; set; }

    public InodeAttributes GetAttributes(FileId file)
    {
        BeforeAttributes?.Invoke();
        return Find(file).Attributes;
    }

    public InodeAttributes SetAttributes(FileId file, AttributeChange change)
    {
        var inode = Find(file);
        _uncommittedShare += ShareOfEachChange;
        inode.Mode = change.Mode ?? inode.Mode;
        inode.Modified = change.Modified ?? inode.Modified;
        inode.Changed = change.Changed ?? inode.Changed;
        return inode.Attributes;
    }

    public InodeAttributes Create(FileId directory, string name, NewInode inode)
    {
        Require(!Directory(directory).Names.ContainsKey(name), VolumeError.Exists);
        _lastRecord++;
        var created = new Inode(new FileId(new FileReference(_lastRecord, 1), (long)_lastRecord), inode.Kind)
        {
            Mode = inode.Mode,
            Links = 1,
            Target = inode.Target,
        };
        _inodes.Add(created.Id, created);
        Directory(directory).Names.Add(name, created.Id);
        return created.Attributes;
    }

    public InodeAttributes Link(FileId file, FileId directory, string name)
    {
        Require(!Directory(directory).Names.ContainsKey(name), VolumeError.Exists);
        Directory(directory).Names.Add(name, file);
        Find(file).Links++;
        return Find(file).Attributes;
    }

    public FileId? Unlink(FileId directory, string name, bool isDirectory)
    {
        Require(Directory(directory).Names.Remove(name, out var file), VolumeError.NotFound);
        var inode = Find(file);
        inode.Links--;
        inode.IsOrphan = inode.Links == 0;
        return inode.IsOrphan ? file : null;
    }

    public FileId? Rename(FileId fromDirectory, string fromName, FileId toDirectory, string toName, RenameMode mode)
    {
        Require(Directory(fromDirectory).Names.TryGetValue(fromName, out var file), VolumeError.NotFound);
        var lost = Directory(toDirectory).Names.ContainsKey(toName) ? Unlink(toDirectory, toName, false) : null;
        Directory(fromDirectory).Names.Remove(fromName);
        Directory(toDirectory).Names.Add(toName, file);
        return lost;
    }

    public string ReadLink(FileId file) => Find(file).Target ?? throw new VolumeException(VolumeError.InvalidArgument, "Not a link.");

    public IReadOnlyList<DirectoryEntry> List(FileId directory) =>
        [.. Directory(directory).Names.Select(name => new DirectoryEntry(name.Key, name.Value, Find(name.Value).Kind))];

    public IReadOnlyList<(string Name, FileReference File)> ListNames(FileId directory)
    {
        Listings++;
        return [.. Directory(directory).Names.Select(name => (name.Key, name.Value.Reference))];
    }

    public DirectoryEntry? EntryOf(FileId directory, string name, FileReference file) =>
        Directory(directory).Names.TryGetValue(name, out var id) && id.Reference == file
            ? new DirectoryEntry(name, id, Find(id).Kind)
            : null;

    public FileReference ParentOf(FileId directory) => Directory(directory).Id.Reference;

    public InodeAttributes CreateNameless(NewInode inode)
    {
        var created = Find(Create(Root, "nameless", inode).File);
        Unlink(Root, "nameless", isDirectory: false);
        return created.Attributes;
    }

    public InodeAttributes LinkNameless(FileId file, FileId directory, string name)
    {
        var linked = Link(file, directory, name);
        Find(file).IsOrphan = false;
        return linked;
    }

    public FileMap Map(FileId file) => Find(file).Map;

    public FileMap Extend(FileId file, ByteCount size)
    {
        var inode = Find(file);
        var wanted = (size.Value + Cluster - 1) / Cluster;
        Require(wanted - inode.Clusters.Count <= _free.Count, VolumeError.NoSpace);
        while (inode.Clusters.Count < wanted)
        {
            inode.Clusters.Add(_free.Min);
            _free.Remove(_free.Min);
        }

        inode.Size = Math.Max(inode.Size, size.Value);
        return inode.Map;
    }

    /// <summary>Called before clusters are kept on a guess; may throw.</summary>
    public Action? BeforePreallocate { get; set; }

    public FileMap Preallocate(FileId file, ByteCount length)
    {
        BeforePreallocate?.Invoke();
        var inode = Find(file);
        while (inode.Clusters.Count * (long)Cluster < length.Value && _free.Count > 0)
        {
            inode.Clusters.Add(_free.Min);
            _free.Remove(_free.Min);
        }

        return inode.Map;
    }

    public FileMap TrimStep(FileId file)
    {
        var inode = Find(file);
        while ((inode.Clusters.Count - 1) * (long)Cluster >= inode.Size)
        {
            FreeLast(inode);
        }

        return inode.Map;
    }

    public bool ShrinkStep(FileId file, ByteCount size)
    {
        var inode = Find(file);
        var wanted = (size.Value + Cluster - 1) / Cluster;
        var kept = Math.Max(wanted, inode.Clusters.Count - StepClusters);
        while (inode.Clusters.Count > kept)
        {
            FreeLast(inode);
        }

        inode.Size = Math.Min(inode.Size, kept > wanted ? kept * Cluster : size.Value);
        inode.Valid = Math.Min(inode.Valid, inode.Size);
        return inode.Size <= size.Value;
    }

    public void SetValidLength(FileId file, ByteCount validLength, FileTime modified)
    {
        var inode = Find(file);
        Require(validLength.Value <= inode.Clusters.Count * (long)Cluster, VolumeError.InvalidArgument);
        inode.Valid = Math.Max(inode.Valid, validLength.Value);
        inode.Size = Math.Max(inode.Size, inode.Valid);
        inode.Modified = modified;
    }

    public byte[]? GetExtendedAttribute(FileId file, string name) => Find(file).Extended.GetValueOrDefault(name);

    public void SetExtendedAttribute(FileId file, string name, ReadOnlySpan<byte> value, bool mustExist, bool mustNotExist) =>
        Find(file).Extended[name] = value.ToArray();

    public IReadOnlyList<string> ListExtendedAttributes(FileId file) => [.. Find(file).Extended.Keys];

    public void RemoveExtendedAttribute(FileId file, string name) => Require(Find(file).Extended.Remove(name), VolumeError.NoSuchAttribute);

    public IReadOnlyList<FileId> Orphans() => [.. _inodes.Values.Where(inode => inode.IsOrphan).Select(inode => inode.Id)];

    public bool PurgeOrphanStep(FileId orphan)
    {
        var inode = Find(orphan);
        _uncommittedShare += ShareOfEachChange;
        Require(inode.IsOrphan, VolumeError.InvalidArgument);
        for (var step = 0; step < StepClusters && inode.Clusters.Count > 0; step++)
        {
            FreeLast(inode);
        }

        return inode.Clusters.Count == 0 && _inodes.Remove(orphan);
    }

    public (ByteCount Total, ByteCount Free, long FreeInodes, long TotalInodes) GetSpace() =>
        (new ByteCount(1L << 30), new ByteCount(_free.Count * (long)Cluster), 1000, 2000);

    public void Commit(ReadOnlySpan<byte> callerState)
    {
        BeforeCommit?.Invoke();
        LargestCommit = Math.Max(LargestCommit, _uncommittedShare);
        if (_uncommittedShare > 1)
        {
            throw new InvalidOperationException("One commit is larger than the whole journal.");
        }

        _uncommittedShare = 0;
        Commits++;
        if (!callerState.IsEmpty)
        {
            _changes.Add(callerState.ToArray());
        }

        Keep();
    }

    public bool MustCheckpointBefore(IReadOnlyList<FileExtent> grant) => true;

    public void Checkpoint(ReadOnlySpan<byte> callerState)
    {
        Checkpoints++;
        _checkpoint = callerState.ToArray();
        _changes.Clear();
    }

    public void Dispose()
    {
    }

    private static void Require([System.Diagnostics.CodeAnalysis.DoesNotReturnIf(false)] bool condition, VolumeError error)
    {
        if (!condition)
        {
            throw new VolumeException(error, $"The model refuses: {error}.");
        }
    }

    private void Keep() =>
        _committed.Add((_inodes.Values.ToDictionary(inode => inode.Id, inode => inode.Copy()), [.. _free]));

    private Inode Find(FileId file) =>
        _inodes.TryGetValue(file, out var inode) ? inode : throw new VolumeException(VolumeError.Stale, $"{file} is gone.");

    private Inode Directory(FileId file) =>
        Find(file) is { Kind: FileKind.Directory } inode ? inode : throw new VolumeException(VolumeError.NotDirectory, $"{file}");

    private sealed class Inode(FileId id, FileKind kind)
    {
        public FileId Id => id;

        public FileKind Kind => kind;

        public SortedDictionary<string, FileId> Names { get; private set; } = new(StringComparer.Ordinal);

        public Dictionary<string, byte[]> Extended { get; private set; } = [];

        public List<long> Clusters { get; private set; } = [];

        public long Size { get; set; }

        public long Valid { get; set; }

        public int Mode { get; set; }

        public int Links { get; set; }

        public bool IsOrphan { get; set; }

        public string? Target { get; set; }

        public FileTime Modified { get; set; }

        public FileTime Changed { get; set; }

        public FileMap Map => new(
            Extents(), new ByteCount(Valid), new ByteCount(Size), new ByteCount(Clusters.Count(IsThere) * (long)Cluster));

        public InodeAttributes Attributes => new(
            id, kind, Mode, 0, 0, Links, new ByteCount(Size), new ByteCount(Clusters.Count(IsThere) * (long)Cluster), 0, default, Modified, Changed);

        /// <summary>Neighbours make one extent, as in a run list.</summary>
        private List<FileExtent> Extents()
        {
            var extents = new List<FileExtent>();
            for (var index = 0; index < Clusters.Count; index++)
            {
                if (!IsThere(Clusters[index]))
                {
                    continue;
                }

                var place = new LunByteOffset(Clusters[index] * Cluster);
                if (extents is [.., var last] && last.LunEnd == place && last.FileEnd.Value == index * (long)Cluster)
                {
                    extents[^1] = last with { Length = new ByteCount(last.Length.Value + Cluster) };
                }
                else
                {
                    extents.Add(new FileExtent(new FileByteOffset(index * (long)Cluster), place, new ByteCount(Cluster)));
                }
            }

            return extents;
        }

        public Inode Copy()
        {
            var copy = (Inode)MemberwiseClone();
            copy.Names = new SortedDictionary<string, FileId>(Names, StringComparer.Ordinal);
            copy.Extended = new Dictionary<string, byte[]>(Extended);
            copy.Clusters = [.. Clusters];
            return copy;
        }
    }
}
