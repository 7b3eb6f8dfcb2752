using Covol.Coordinator.Sessions;
using Covol.Protocol;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>
/// Opens, counted per session, and files that lost their last name: they live until the last close on any node.
/// </summary>
public sealed partial class VolumeCoordinator
{
    private readonly Dictionary<FileId, int> _opens = [];

    private async Task<VolumeReply> OpenAsync(Session session, RequestId id, Open open)
    {
        // Counted before it is looked at, so that a purge cannot come in between.
        Remember(session, open.Handle, open.File);
        try
        {
            await LookAsync(open.File);
            var attributes = await _metadata.ReadAsync(context => context.Attributes(open.File));
            if (open.Truncate && attributes.Kind == FileKind.Regular)
            {
                return await SetSizeAsync(id, new SetSize(open.File, ByteCount.Zero));
            }

            return new Entry(Shown(attributes));
        }
        catch (VolumeException)
        {
            Forget(session, open.Handle);
            throw;
        }
    }

    private async Task<VolumeReply> CloseAsync(Session session, Close close)
    {
        if (!session.Handles.TryGetValue(close.Handle, out var file))
        {
            // Closed before a takeover; sent again because its answer was lost.
            return Done.Instance;
        }

        StepLocks(new LockInput.ReleaseHandle(session.Id, file, close.Handle));
        Forget(session, close.Handle);
        if (_times.ContainsKey(file) && !_orphans.Contains(file))
        {
            await CommitTimesAsync();
        }

        return Done.Instance;
    }

    /// <summary>
    /// A request that opened something is answered from memory: the open must be there too, after a takeover as well.
    /// </summary>
    private async Task OpenAgainAsync(Session session, VolumeRequest request, VolumeReply kept)
    {
        var handle = request switch
        {
            Create { Handle: { } created } => created,
            Open open => open.Handle,
            _ => (HandleId?)null,
        };
        if (kept is Entry found)
        {
            await RemovalOf(found.Attributes.File);
        }

        if (handle is { } opened && kept is Entry entry && !_purging.Contains(entry.Attributes.File))
        {
            // Also where it is open already: whoever asked over another connection may still wait for the recall.
            Remember(session, opened, entry.Attributes.File);
            await RecallAttributesAsync(session, entry.Attributes.File);
        }
    }

    private void Remember(Session session, HandleId handle, FileId file)
    {
        if (session.Handles.TryGetValue(handle, out var already))
        {
            if (already != file)
            {
                throw new VolumeException(VolumeError.BadRequest, $"{handle} is open on another file already.");
            }

            return;
        }

        if (_purging.Contains(file))
        {
            throw new VolumeException(VolumeError.Stale, $"{file} is being freed.");
        }

        if (session.Handles.Count >= _options.HandlesMax)
        {
            throw new VolumeException(VolumeError.Busy, $"{session.Id} has {_options.HandlesMax} files open already.");
        }

        session.Handles.Add(handle, file);
        _opens[file] = _opens.GetValueOrDefault(file) + 1;
    }

    private void Forget(Session session, HandleId handle)
    {
        if (session.Handles.Remove(handle, out var file))
        {
            Forget(file);
        }
    }

    private void Forget(FileId file)
    {
        var left = _opens[file] - 1;
        Invariant.Holds(left >= 0, "A file was closed more often than opened.");
        if (left > 0)
        {
            _opens[file] = left;
            return;
        }

        _opens.Remove(file);
        ForgetLoss(file, isGone: false);
        GiveSpareBack(file);
        PurgeIfUnused(file);
    }

    private void Orphaned(FileId? file)
    {
        if (file is { } orphan)
        {
            _orphans.Add(orphan);
            PurgeIfUnused(orphan);
        }
    }
}
