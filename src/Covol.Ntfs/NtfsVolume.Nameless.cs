using Covol.Protocol;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;

namespace Covol.Ntfs;

/// <summary>Files that have no name yet: they begin where others end, in the orphan folder.</summary>
public sealed partial class NtfsVolume
{
    private const string NamelessName = "nameless";

    public InodeAttributes CreateNameless(NewInode inode) => Change(() =>
    {
        Invariant.Holds(inode.Kind == FileKind.Regular, "Only a regular file can be without a name.");
        ulong record;
        using (var folder = _mounted.Open(_orphanRecord))
        {
            using var created = _mounted.Create(folder, NamelessName, isDirectory: false);
            record = created.Record;
            WriteExtended(created, OwnershipOf(inode));
            folder.Close();
            created.Close();
        }

        // An orphan's name tells its record, which is known only now.
        AddName(record, _orphanRecord, OrphanName(IdOf(record)));
        DeleteName(record, _orphanRecord, NamelessName);
        using var result = _mounted.Open(record);
        return Describe(result);
    });

    public InodeAttributes LinkNameless(FileId file, FileId directory, string name) => Change(() =>
    {
        CheckName(directory, name);
        using (var inode = Open(file))
        {
            Invariant.Holds(inode.Names.All(IsInOrphans), "A file that has names was to get its first one.");
        }

        using (var parent = OpenLiveDirectory(directory))
        {
            CheckFree(parent, name);
        }

        AddName(file.Reference.Record, directory.Reference.Record, name);
        DeleteName(file.Reference.Record, _orphanRecord, OrphanName(file));
        using var result = Open(file);
        return Describe(result);
    });
}
