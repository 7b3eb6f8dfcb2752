using Covol.Coordinator.Sessions;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Leases;
using Covol.Protocol.Volume;
using StateChange = Covol.Coordinator.Metadata.StateChange;

namespace Covol.Coordinator;

/// <summary>
/// Names and attributes: one metadata operation each, whose answer is in the journal record that makes it stable.
/// </summary>
public sealed partial class VolumeCoordinator
{
    private async Task<VolumeReply> LookupAsync(Session session, Lookup lookup)
    {
        var since = _leases.Clock;
        var found = await _metadata.ReadAsync(
            context => context.Volume.Lookup(lookup.Directory, lookup.Name) is { } attributes ? context.Shown(attributes) : null);
        if (found is null)
        {
            return new Refused(VolumeError.NotFound, $"There is no '{lookup.Name}'.");
        }

        var shown = await ShownAsync(found);
        var leases = TryLease(session, shown, since) ? AttributeLeases.Attributes : AttributeLeases.None;
        if (!InGrace && _leases.TryGrant(_thread.Now, session.Id, lookup.Directory, since))
        {
            leases |= AttributeLeases.Name;
        }

        return new Entry(shown) { Leases = leases };
    }

    /// <summary>Attributes of now, with what the holder of the file's tail has acknowledged by now.</summary>
    private async Task<InodeAttributes> ShownAsync(InodeAttributes found)
    {
        if (_tails.IsClaimed(found.File))
        {
            await LookAsync(found.File);
            found = await _metadata.ReadAsync(context => context.Attributes(found.File));
        }

        return Shown(found);
    }

    private async Task<VolumeReply> GetAttributesAsync(Session session, FileId file)
    {
        var since = _leases.Clock;
        await LookAsync(file);
        var shown = Shown(await _metadata.ReadAsync(context => context.Attributes(file)));
        return new Entry(shown)
        {
            Leases = TryLease(session, shown, since) ? AttributeLeases.Attributes : AttributeLeases.None,
        };
    }

    private async Task<VolumeReply> SetAttributesAsync(RequestId id, SetAttributes set)
    {
        if (set.Change.Mode is { } mode && CarriesSetId(mode))
        {
            // From here on writes must take the bits away, so nobody may write by itself any more (and nobody is granted to).
            RefuseInGrace("Setting a set-id bit");
            using var gate = await _gates.EnterAsync(set.File, Driver.GateMode.Exclusive);
            await EndTailAsync(set.File, id.Session);
            await RecallAsync(set.File, RecallScope.Writes);
            return await ChangeAttributesAsync(id, set);
        }

        return await ChangeAttributesAsync(id, set);
    }

    private async Task<VolumeReply> ChangeAttributesAsync(RequestId id, SetAttributes set)
    {
        await LookAsync(set.File);
        var now = _thread.WallClock;
        var change = set.Change with
        {
            Changed = set.Change.Changed ?? now,
            Modified = set.Change.Modified ?? (_times.TryGetValue(set.File, out var written) ? written : null),
        };
        _times.Remove(set.File);
        var attributes = await _metadata.ChangeAsync(context =>
        {
            var changed = context.Shown(context.Volume.SetAttributes(set.File, change));
            context.Changes.Add(new StateChange.Answered(id, new Entry(changed)));
            return changed;
        });
        return new Entry(Shown(attributes));
    }

    private async Task<VolumeReply> CreateAsync(Session session, Slot slot, RequestId id, Create create)
    {
        if (create.Name.Length == 0)
        {
            return await CreateNamelessAsync(session, id, create);
        }

        var (attributes, directory, isNew) = await MakeOrFindAsync(id, create);
        for (var look = 0; !isNew && create.Handle is not null && IsBeingRemoved(attributes.File); look++)
        {
            if (look == LooksMax)
            {
                throw new VolumeException(VolumeError.Busy, "The name leads to another file again and again.");
            }

            // Its name is going just now: then there is no file to open, and it is made.
            await RemovalOf(attributes.File);
            (attributes, directory, isNew) = await MakeOrFindAsync(id, create);
        }

        if (create.Handle is not { } handle)
        {
            return new Entry(await ShownAsync(attributes)) { Changed = [directory] };
        }

        Remember(session, handle, attributes.File);
        try
        {
            if (!isNew)
            {
                await RecallAttributesAsync(session, attributes.File);
            }

            return create.Truncate && !isNew
                ? await WatchedAsync(
                    slot, attributes.File, () => SetSizeAsync(id, new SetSize(attributes.File, Protocol.Units.ByteCount.Zero)))
                : new Entry(await ShownAsync(attributes)) { Changed = [directory] };
        }
        catch (VolumeException)
        {
            // Asked again, the name may lead to another file.
            Forget(session, handle);
            throw;
        }
    }

    private Task<(InodeAttributes File, InodeAttributes Directory, bool IsNew)> MakeOrFindAsync(RequestId id, Create create) =>
        _metadata.ChangeAsync(context =>
        {
            if (create is { OpenExisting: true, Handle: not null }
                && context.Volume.Lookup(create.Directory, create.Name) is { Kind: FileKind.Regular } existing)
            {
                return (context.Shown(existing), context.Attributes(create.Directory), false);
            }

            var created = context.Volume.Create(create.Directory, create.Name, Inherited(context, create.Directory, create.Inode));
            context.Changes.Add(new StateChange.Answered(id, new Entry(created)));
            return (created, context.Attributes(create.Directory), true);
        });

    private async Task<VolumeReply> LinkAsync(RequestId id, Link link)
    {
        if (IsNameless(link.File))
        {
            return await LinkNamelessAsync(id, link);
        }

        await LookAsync(link.File);
        var (attributes, directory) = await _metadata.ChangeAsync(context =>
        {
            if (context.IsOrphan(link.File))
            {
                throw new VolumeException(VolumeError.NotFound, "A file whose last name is gone gets no new one.");
            }

            var linked = context.Volume.Link(link.File, link.Directory, link.Name);
            context.Changes.Add(new StateChange.Answered(id, new Entry(linked)));
            return (linked, context.Attributes(link.Directory));
        });
        return new Entry(Shown(attributes)) { Changed = [directory] };
    }

    private async Task<VolumeReply> UnlinkAsync(Session session, RequestId id, Unlink unlink)
    {
        Removal? removal = null;
        try
        {
            var (orphan, reply) = await WithFoundAsync(
                session,
                unlink,
                unlink.Known,
                [(unlink.Directory, unlink.Name)],
                context =>
                {
                    FileId? lost = null;
                    if (removal is not null && !unlink.IsDirectory
                        && SmallFilesOf(context).TryRemove(unlink.Directory, unlink.Name, removal.File))
                    {
                        removal.IsGone = true;
                    }
                    else
                    {
                        lost = context.Orphaned(context.Volume.Unlink(unlink.Directory, unlink.Name, unlink.IsDirectory));
                    }

                    context.Changes.Add(new StateChange.Answered(id, Done.Instance));
                    return (lost, (VolumeReply)new Done { Changed = [context.Attributes(unlink.Directory)] });
                },
                found =>
                {
                    removal?.Dispose();
                    removal = TryBeginRemoval(found);
                });
            Orphaned(orphan);
            return reply;
        }
        finally
        {
            removal?.Dispose();
        }
    }

    private async Task<VolumeReply> RenameAsync(Session session, RequestId id, Rename rename)
    {
        (FileId, string)[] names = [(rename.FromDirectory, rename.FromName), (rename.ToDirectory, rename.ToName)];
        var (orphan, reply) = await WithFoundAsync(session, rename, null, names, context =>
        {
            var lost = context.Orphaned(context.Volume.Rename(
                rename.FromDirectory, rename.FromName, rename.ToDirectory, rename.ToName, rename.Mode));
            context.Changes.Add(new StateChange.Answered(id, Done.Instance));
            return (lost, (VolumeReply)new Done
            {
                Changed = rename.FromDirectory == rename.ToDirectory
                    ? [context.Attributes(rename.ToDirectory)]
                    : [context.Attributes(rename.FromDirectory), context.Attributes(rename.ToDirectory)],
            });
        });
        Orphaned(orphan);
        return reply;
    }

    private async Task<VolumeReply> ReadLinkAsync(ReadLink read) =>
        new LinkTarget(await _metadata.ReadAsync(context => context.Volume.ReadLink(read.File)));

    private async Task<VolumeReply> GetSpaceAsync() => await _metadata.ReadAsync(context =>
    {
        var (total, free, freeInodes, totalInodes) = context.Volume.GetSpace();
        return new VolumeSpace(total, free, context.Volume.ClusterSize, freeInodes, totalInodes);
    });

    private async Task<VolumeReply> GetExtendedAttributeAsync(GetExtendedAttribute get)
    {
        var value = await _metadata.ReadAsync(context => context.Volume.GetExtendedAttribute(get.File, get.Name));
        return value is null
            ? new Refused(VolumeError.NoSuchAttribute, $"There is no attribute '{get.Name}'.")
            : new ExtendedAttributeValue(value);
    }

    private Task<VolumeReply> SetExtendedAttributeAsync(RequestId id, SetExtendedAttribute set) => DoneAfterAsync(
        id,
        context => context.Volume.SetExtendedAttribute(set.File, set.Name, set.Value.Span, set.MustExist, set.MustNotExist));

    private async Task<VolumeReply> ListExtendedAttributesAsync(ListExtendedAttributes list) =>
        new ExtendedAttributeNames(await _metadata.ReadAsync(context => context.Volume.ListExtendedAttributes(list.File)));

    private Task<VolumeReply> RemoveExtendedAttributeAsync(RequestId id, RemoveExtendedAttribute remove) =>
        DoneAfterAsync(id, context => context.Volume.RemoveExtendedAttribute(remove.File, remove.Name));

    private async Task<VolumeReply> DoneAfterAsync(RequestId id, Action<Metadata.MetadataContext> change)
    {
        await _metadata.ChangeAsync(context =>
        {
            change(context);
            context.Changes.Add(new StateChange.Answered(id, Done.Instance));
            return true;
        });
        return Done.Instance;
    }
}
