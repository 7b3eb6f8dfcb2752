using System.Globalization;
using Covol.Protocol.Ids;

namespace Covol.Ntfs;

/// <summary>
/// Inodes that lost their last name live in a hidden folder until nobody has them open (SAFETY 17). NTFS has no link count of
/// 0, so here they
/// have one name that nobody sees.
/// </summary>
public sealed partial class NtfsVolume : INtfsOrphans
{
    public IReadOnlyList<FileId> Orphans() => Ask<IReadOnlyList<FileId>>(() => [.. ListOrphans().Select(orphan => IdOf(orphan.Record))]);

    public IReadOnlyList<FileReference> OrphanReferences() => Ask(ListOrphans);

    public FileId? OrphanOf(FileReference listed) => Ask<FileId?>(() =>
    {
        using (var folder = _mounted.Open(_orphanRecord))
        {
            if (_mounted.Find(folder, OrphanName(listed)) != listed.Value)
            {
                return null;
            }
        }

        return IdOf(listed.Record);
    });

    private List<FileReference> ListOrphans()
    {
        using var folder = _mounted.Open(_orphanRecord);
        return
        [
            .. _mounted.List(folder).Select(entry => new FileReference(entry.Reference))
                .Where(orphan => orphan.Record != _orphanRecord && IsReachable(orphan.Record) && orphan.Record != RootRecord),
        ];
    }

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

    private static string OrphanName(FileId file) => OrphanName(file.Reference);

    private static string OrphanName(FileReference file) => string.Create(CultureInfo.InvariantCulture, $"{file.Record:x}-{file.Sequence:x}");
}
