using System.Globalization;
using Covol.Protocol.Ids;

namespace Covol.Ntfs;

/// <summary>
/// Inodes that lost their last name live in a hidden folder until nobody has them open (SAFETY 17). NTFS has no link count of
/// 0, so here they
/// have one name that nobody sees.
/// </summary>
public sealed partial class NtfsVolume
{
    public IReadOnlyList<FileId> Orphans() => Ask<IReadOnlyList<FileId>>(() =>
    {
        List<(string Name, ulong Reference)> names;
        using (var folder = _mounted.Open(_orphanRecord))
        {
            names = _mounted.List(folder);
        }

        return
        [
            .. names.Select(entry => new FileReference(entry.Reference).Record)
                .Where(record => record != _orphanRecord && IsReachable(record) && record != RootRecord)
                .Select(IdOf),
        ];
    });

    public bool PurgeOrphanStep(FileId orphan) => ChangeInSteps(step =>
    {
        using (var inode = Open(orphan))
        {
            Protocol.Invariant.Holds(inode.Names.All(IsInOrphans), "A file that has names was to be purged.");
            if (inode.Data is { IsResident: false, IsEncoded: false, Size: > 0 } data && !Cut(inode, data, 0, step))
            {
                return false;
            }
        }

        DeleteName(orphan.Reference.Record, _orphanRecord, OrphanName(orphan));
        return true;
    });

    private static string OrphanName(FileId file) =>
        string.Create(CultureInfo.InvariantCulture, $"{file.Reference.Record:x}-{file.Reference.Sequence:x}");
}
