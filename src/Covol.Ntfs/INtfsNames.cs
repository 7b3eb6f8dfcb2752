using Covol.Protocol.Files;
using Covol.Protocol.Ids;

namespace Covol.Ntfs;

/// <summary>Reading directories in pieces, and files without a name. Part of <see cref="INtfsVolume"/>, whose rules hold.</summary>
public interface INtfsNames
{
    /// <summary>
    /// At most so many names, from the first one after <paramref name="after"/> on (null: from the beginning), and where they lead, without a
    /// look at the inodes; hidden ones are not among them. In an order that stays the same while names come and go: that of the directory's
    /// index. Costs what it answers, however long the directory is.
    /// </summary>
    (IReadOnlyList<(string Name, FileReference File)> Names, bool IsLast) NamesAfter(FileId directory, string? after, int max);

    /// <summary>What a listed name leads to, with its attributes where they are wanted; null when that name of that file is gone.</summary>
    DirectoryEntry? EntryOf(FileId directory, string name, FileReference file, bool withAttributes = false);

    /// <summary>The directory above; the root's, and a removed directory's, is itself.</summary>
    FileReference ParentOf(FileId directory);

    /// <summary>Makes a regular file without a name: it is an orphan at once.</summary>
    InodeAttributes CreateNameless(NewInode inode);

    /// <summary>Gives an orphan of <see cref="CreateNameless"/> its first name. Throws as <see cref="INtfsVolume.Link"/> does.</summary>
    InodeAttributes LinkNameless(FileId file, FileId directory, string name);
}
