using Covol.Coordinator.Metadata;
using Covol.Coordinator.Sessions;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>
/// What a new inode takes from its directory, and files that are made without a name (O_TMPFILE): orphans from the start, freed at
/// the last close unless they get a name before.
/// </summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>Orphans that may still get a name. Not kept over a takeover: from then on they are orphans like others.</summary>
    private readonly HashSet<FileId> _nameless = [];

    /// <summary>In a set-group-id directory everything has its group, and directories have the bit as well (inode(7)).</summary>
    private static NewInode Inherited(MetadataContext context, FileId directory, NewInode inode)
    {
        var parent = context.Volume.GetAttributes(directory);
        return (parent.Mode & SetGroupId) == 0
            ? inode
            : inode with
            {
                Group = parent.Group,
                Mode = inode.Kind == FileKind.Directory ? inode.Mode | SetGroupId : inode.Mode,
            };
    }

    private async Task<VolumeReply> CreateNamelessAsync(Session session, RequestId id, Create create)
    {
        if (create is not { Handle: { } handle, Inode.Kind: FileKind.Regular })
        {
            throw new VolumeException(VolumeError.InvalidName, "Only an open regular file can be without a name.");
        }

        var attributes = await _metadata.ChangeAsync(context =>
        {
            var created = context.Volume.CreateNameless(Inherited(context, create.Directory, create.Inode));
            context.Orphaned(created.File);
            created = context.Shown(created);
            context.Changes.Add(new StateChange.Answered(id, new Entry(created)));
            return created;
        });
        try
        {
            Remember(session, handle, attributes.File);
        }
        finally
        {
            // Where it could not be opened it is freed at once.
            Orphaned(attributes.File);
        }

        _nameless.Add(attributes.File);
        return new Entry(attributes);
    }

    private bool IsNameless(FileId file) => _nameless.Contains(file) && !_purging.Contains(file);

    private async Task<VolumeReply> LinkNamelessAsync(RequestId id, Link link)
    {
        // Before the change is on its way: a close that comes meanwhile must not free what has a name by then.
        _nameless.Remove(link.File);
        _orphans.Remove(link.File);
        try
        {
            var attributes = await _metadata.ChangeAsync(context =>
            {
                var linked = context.Volume.LinkNameless(link.File, link.Directory, link.Name);
                context.Purged(link.File);
                context.Changes.Add(new StateChange.Answered(id, new Entry(linked)));
                return linked;
            });
            return new Entry(Shown(attributes));
        }
        catch (VolumeException)
        {
            _nameless.Add(link.File);
            Orphaned(link.File);
            throw;
        }
    }
}
