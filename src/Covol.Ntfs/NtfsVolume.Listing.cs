using Covol.Protocol.Files;
using Covol.Protocol.Ids;

namespace Covol.Ntfs;

/// <summary>Directories in pieces: a big one must not hold the metadata thread for a look at each of its inodes.</summary>
public sealed partial class NtfsVolume
{
    public IReadOnlyList<(string Name, FileReference File)> ListNames(FileId directory) =>
        Ask<IReadOnlyList<(string Name, FileReference File)>>(() =>
        {
            List<(string Name, ulong Reference)> all;
            using (var inode = OpenDirectory(directory))
            {
                all = _mounted.List(inode);
            }

            var names = new List<(string Name, FileReference File)>(all.Count);
            foreach (var (name, reference) in all)
            {
                var file = new FileReference(reference);
                if (name is not ("." or "..") && IsReachable(file.Record) && file.Record != RootRecord)
                {
                    names.Add((name, file));
                }
            }

            names.Sort((left, right) => string.CompareOrdinal(left.Name, right.Name));
            return names;
        });

    public DirectoryEntry? EntryOf(FileId directory, string name, FileReference file, bool withAttributes = false) => Ask(() =>
    {
        using var inode = _mounted.TryOpen(file.Record);
        if (inode is null || inode.Header.Sequence != file.Sequence || !inode.Names.Any(known =>
            known.Name == name && new FileReference(known.Parent).Record == directory.Reference.Record))
        {
            return null;
        }

        return withAttributes && Describe(inode) is var attributes
            ? new DirectoryEntry(name, attributes.File, attributes.Kind, attributes)
            : new DirectoryEntry(name, IdOf(inode), KindOf(inode, ReadExtended(inode), out _));
    });

    public FileReference ParentOf(FileId directory) => Ask(() =>
    {
        using var inode = OpenDirectory(directory);
        var names = inode.Names;
        return directory.Reference.Record == RootRecord || names.Count == 0 || IsInOrphans(names[0])
            ? directory.Reference
            : new FileReference(names[0].Parent);
    });
}
