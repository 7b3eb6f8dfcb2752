using Covol.Protocol.Ids;

namespace Covol.Ntfs;

/// <summary>
/// The hidden folder of inodes without a name, when there are very many: their names are read at once, their inodes one by one. Part of
/// <see cref="INtfsVolume"/>, whose rules hold.
/// </summary>
public interface INtfsOrphans
{
    /// <summary>What the folder lists. No inode is opened for it.</summary>
    IReadOnlyList<FileReference> OrphanReferences();

    /// <summary>The inode that was listed; null: it is no orphan any more.</summary>
    FileId? OrphanOf(FileReference listed);
}
