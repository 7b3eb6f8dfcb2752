using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

public sealed partial class NodeVolume
{
    private static readonly HashSet<LayoutGeneration> s_none = [];

    /// <summary>Asks for the file's layout in the background, unless it is being asked for or was refused a moment ago.</summary>
    private void WantLayout(ClientFile file, bool withTail = false)
    {
        if (_fenced is not null || !file.TryBeginAsking(withTail))
        {
            return;
        }

        // From here on: the next write would come to the coordinator while it makes room, and end it.
        var coming = withTail ? BeginRoom(file) : null;
        if (!_work.TryStart(() => FetchAsync(file, coming)))
        {
            file.Asked(_settings.LayoutAgainEvery, _settings.LayoutAgainEvery);
            EndRoom(file, coming);
        }
    }

    private async Task FetchAsync(ClientFile file, TaskCompletionSource? coming)
    {
        var again = _settings.LayoutAgainEvery;
        var againForTail = again;
        try
        {
            if (file.AccessWanted() is not { } access)
            {
                return;
            }

            // One grant of a file at a time: the older one is given back before a better one is asked for.
            if (!await TryDropLayoutAsync(file).ConfigureAwait(false))
            {
                return;
            }

            var life = Interlocked.Read(ref _life);
            var leaseLife = _lease.Life;
            var withTail = access == LayoutAccess.ReadWrite && file.IsGrowing(_settings.TailAfterWrites);
            coming ??= withTail ? BeginRoom(file) : null;
            var get = new GetLayout(file.Id, access, withTail);
            var sent = await _keeper.SendAsync(get, default, default, Urgency.Ordinary).ConfigureAwait(false);
            var granted = Expect<LayoutGranted>(sent.Reply);
            again = granted.AskAgainAfter > again ? granted.AskAgainAfter : again;
            if (granted.Layout is not { } layout)
            {
                return;
            }

            // One that is used up is followed by the next at once; without one, whether there is room is asked as seldom as all else.
            againForTail = layout.HasTail || !withTail ? TimeSpan.Zero : againForTail;

            var snapshot = new LayoutSnapshot(layout, Math.Max(sent.Link.Session.BlockSize, _settings.LunBlockSize), _lease, leaseLife);
            if (snapshot.Tail is { } tail)
            {
                tail.WhenLow = new LowTail(this, file, snapshot);
            }

            if (!TryPublish(file, snapshot, life))
            {
                await TellAsync(new ReturnLayout(file.Id, layout.Generation), file.Id).ConfigureAwait(false);
                if (layout.HasTail)
                {
                    await TellAsync(new CommitLayout(file.Id, layout.Generation, [], Ticket: 0, IsLast: true), file.Id).ConfigureAwait(false);
                }
            }
            else if (snapshot.IsOfOldLease)
            {
                // The lease began anew, and dropped all layouts, just before this one was published.
                await TryDropLayoutAsync(file).ConfigureAwait(false);
            }
        }
        catch (VolumeException failure)
        {
            VolumeClientLog.NoLayout(_log, _settings.Volume, file.Id.ToString(), failure.Message);
        }
        finally
        {
            file.Asked(again, againForTail);
            EndRoom(file, coming);
        }
    }

    /// <summary>
    /// Asks in the background for places that were not told, or of holes that were filled since the layout was granted. Nothing is given back
    /// for it: the grant is of the whole file, and a hole is filled without a recall, because no layout covers it.
    /// </summary>
    private void WantWider(ClientFile file, LayoutSnapshot layout, FileByteOffset from)
    {
        if (_fenced is null && file.TryBeginAskingWider() && !_work.TryStart(() => WidenAsync(file, layout, from)))
        {
            file.AskedWider(_settings.LayoutWiderEvery);
        }
    }

    private async Task WidenAsync(ClientFile file, LayoutSnapshot layout, FileByteOffset from)
    {
        var again = _settings.LayoutWiderEvery;
        try
        {
            var get = new GetLayout(file.Id, layout.Layout.Access, Extends: layout.Layout.Generation, From: from);
            var sent = await _keeper.SendAsync(get, default, default, Urgency.Ordinary).ConfigureAwait(false);
            var granted = Expect<LayoutGranted>(sent.Reply);
            again = granted.AskAgainAfter > again ? granted.AskAgainAfter : again;
            if ((granted.Layout is not { } wider || !layout.TryWiden(wider, _settings.PlacesMax)) && file.Layout == layout)
            {
                // It ended, or the file cannot be told so: another one may do.
                WantLayout(file);
            }
        }
        catch (VolumeException failure)
        {
            VolumeClientLog.NoLayout(_log, _settings.Volume, file.Id.ToString(), failure.Message);
        }
        finally
        {
            file.AskedWider(again);
        }
    }

    private bool TryPublish(ClientFile file, LayoutSnapshot snapshot, long life)
    {
        lock (_gate)
        {
            return life == _life && _fenced is null && !_givingUp && file.TryPublish(snapshot);
        }
    }

    /// <summary>
    /// Takes a file's layout off the data path and waits until it, and whatever was taken off before, has no I/O and was given back.
    /// False: the volume is given up on this node before that.
    /// </summary>
    private async ValueTask<bool> TryDropLayoutAsync(ClientFile file)
    {
        if (file.Unpublish() is { } layout)
        {
            await GiveBackAsync(file, layout).ConfigureAwait(false);
        }

        var ended = file.UnpublishedEnded();
        await Task.WhenAny(ended, _work.Closing).ConfigureAwait(false);
        return ended.IsCompleted;
    }

    private async Task GiveBackAsync(ClientFile file, LayoutSnapshot layout)
    {
        await layout.Drained.ConfigureAwait(false);
        await FailedFlushesTold.ConfigureAwait(false);
        await TellAsync(new ReturnLayout(file.Id, layout.Layout.Generation), file.Id).ConfigureAwait(false);
        await TellLastAsync(file, layout).ConfigureAwait(false);
        file.Ended(layout);
        if (file.TakeWroteDirectly())
        {
            await TellAsync(new NoteDirectWrites(file.Id), file.Id).ConfigureAwait(false);
        }
    }

    /// <summary>After the return, upon which whoever recalled goes on, and carries out what this tells.</summary>
    private Task TellLastAsync(ClientFile file, LayoutSnapshot layout) =>
        layout.Tail is null ? Task.CompletedTask : TellTailAsync(file, layout, ticket: 0, isLast: true);

    /// <summary>
    /// Ends when no I/O is in flight inside a layout, except those of <paramref name="kept"/>; whatever else is published goes first.
    /// </summary>
    private Task DrainedAsync(IReadOnlySet<LayoutGeneration> kept)
    {
        var drains = new List<Task>();
        foreach (var file in _files.Values)
        {
            if (file.Layout is { } layout && !kept.Contains(layout.Layout.Generation))
            {
                DropLayout(file);
            }

            drains.Add(file.UnpublishedDrained(kept));
        }

        return Task.WhenAll(drains);
    }

    private int DropLayouts()
    {
        var count = 0;
        foreach (var file in _files.Values)
        {
            count += DropLayout(file) ? 1 : 0;
        }

        return count;
    }

    private bool DropLayout(ClientFile file)
    {
        if (file.Unpublish() is not { } layout)
        {
            return false;
        }

        _work.TryStart(() => GiveBackAsync(file, layout));
        return true;
    }

    /// <summary>
    /// Answers a recall: no new I/O, wait for what is in flight, return. A layout that this node does not have is returned all the
    /// same, and never published if its grant is still on the way.
    /// </summary>
    private void Recalled(FileId id, LayoutGeneration generation)
    {
        if (!_files.TryGetValue(id, out var file))
        {
            _work.TryStart(() => TellAsync(new ReturnLayout(id, generation), id).AsTask());
            return;
        }

        if (file.TryBeginRecall(generation, out var unpublished)
            && !_work.TryStart(() => AnswerRecallAsync(file, generation, unpublished)))
        {
            file.RecallAnswered(generation);
        }
    }

    private async Task AnswerRecallAsync(ClientFile file, LayoutGeneration generation, LayoutSnapshot? unpublished)
    {
        await file.UnpublishedDrained(s_none).ConfigureAwait(false);
        await FailedFlushesTold.ConfigureAwait(false);
        await TellAsync(new ReturnLayout(file.Id, generation), file.Id).ConfigureAwait(false);
        file.RecallAnswered(generation);
        if (unpublished is not null)
        {
            await TellLastAsync(file, unpublished).ConfigureAwait(false);
            file.Ended(unpublished);
        }

        // After the return: the operation that recalled waits for that one, and this one could have to wait for the operation.
        if (file.TakeWroteDirectly())
        {
            await TellAsync(new NoteDirectWrites(file.Id), file.Id).ConfigureAwait(false);
        }
    }
}
