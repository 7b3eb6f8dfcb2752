using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Ntfs;

/// <summary>Directories in pieces: a big one must not hold the metadata thread for a look at each of its inodes.</summary>
public sealed partial class NtfsVolume
{
    public (IReadOnlyList<(string Name, FileReference File)> Names, bool IsLast) NamesAfter(FileId directory, string? after, int max) =>
        Ask<(IReadOnlyList<(string Name, FileReference File)> Names, bool IsLast)>(() =>
        {
            if (after?.Length > FileNames.LengthMax)
            {
                throw new VolumeException(VolumeError.NameTooLong, $"A name has at most {FileNames.LengthMax} UTF-16 units on NTFS.");
            }

            using var inode = OpenDirectory(directory);
            var names = new List<(string Name, FileReference File)>();
            var isLast = true;
            _mounted.NamesAfter(inode, after ?? "", (name, reference) =>
            {
                var file = new FileReference(reference);
                if (name is "." or ".." || !IsReachable(file.Record) || file.Record == RootRecord)
                {
                    return true;
                }

                isLast = names.Count < max;
                if (isLast)
                {
                    names.Add((name, file));
                }

                return isLast;
            });
            return (names, isLast);
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
