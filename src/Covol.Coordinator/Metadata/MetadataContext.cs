using Covol.Ntfs;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Coordinator.Metadata;

/// <summary>What a metadata operation works with. On the metadata thread only.</summary>
internal sealed class MetadataContext
{
    private readonly CommitQueue _queue;
    private readonly HashSet<FileId> _orphans;

    public MetadataContext(CommitQueue queue, INtfsVolume volume, IEnumerable<FileId> orphans)
    {
        _queue = queue;
        Volume = volume;
        _orphans = [.. orphans];
    }

    public INtfsVolume Volume { get; }

    /// <summary>Changes of the coordinator's state that go with this operation's group.</summary>
    public List<StateChange> Changes { get; } = [];

    /// <summary>NTFS has no link count 0: it is answered here, for inodes without a name (SAFETY 17).</summary>
    public InodeAttributes Shown(InodeAttributes attributes) =>
        _orphans.Contains(attributes.File) ? attributes with { LinkCount = 0 } : attributes;

    public InodeAttributes Attributes(FileId file) => Shown(Volume.GetAttributes(file));

    public FileId? Orphaned(FileId? file)
    {
        if (file is { } orphan)
        {
            _orphans.Add(orphan);
        }

        return file;
    }

    public void Purged(FileId file) => _orphans.Remove(file);

    public bool IsOrphan(FileId file) => _orphans.Contains(file);

    /// <summary>
    /// Before each change but the first of an operation that makes many: what is uncommitted is committed where another change
    /// might not
    /// fit beside it.
    /// </summary>
    public void MakeRoom() => _queue.MakeRoom();

    /// <summary>Ends the journal's lap with nothing uncommitted; no operation runs after this one.</summary>
    public void CheckpointLast()
    {
        _queue.CommitGroup();
        _queue.Checkpoint();
        _queue.Close();
    }

    /// <summary>Makes it safe to grant these places: no replay will write older content over them (SAFETY 15).</summary>
    public void CheckpointBefore(IReadOnlyList<FileExtent> grant)
    {
        // Commits first, because what is only in the overlay may be journalled over these places just after.
        _queue.CommitGroup();
        if (Volume.MustCheckpointBefore(grant))
        {
            _queue.Checkpoint();
        }
    }
}
