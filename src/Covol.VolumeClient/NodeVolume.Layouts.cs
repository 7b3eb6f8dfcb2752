using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

public sealed partial class NodeVolume
{
    /// <summary>
    /// The LUN refused this node's key, or failed: all direct I/O ends, data goes through the coordinator, locks and opens stay
    /// (SAFETY 1). Only a new incarnation, with a new key, goes direct again. Any thread.
    /// </summary>
    public void Fenced(string reason)
    {
        if (Interlocked.CompareExchange(ref _fenced, reason, null) is not null)
        {
            return;
        }

        VolumeClientLog.WentRedirected(_log, _settings.Volume, reason);
        DropLayouts();
    }

    /// <summary>Asks for the file's layout in the background, unless it is being asked for or was refused a moment ago.</summary>
    private void WantLayout(ClientFile file)
    {
        if (_fenced is null && file.TryBeginAsking() && !_work.TryStart(() => FetchAsync(file)))
        {
            file.Asked(_settings.LayoutAgainEvery);
        }
    }

    private async Task FetchAsync(ClientFile file)
    {
        var again = _settings.LayoutAgainEvery;
        try
        {
            if (file.AccessWanted() is not { } access)
            {
                return;
            }

            // One grant of a file at a time: the older one is given back before a better one is asked for.
            await DropLayoutAsync(file).ConfigureAwait(false);
            var life = Interlocked.Read(ref _life);
            var sent = await _keeper.SendAsync(new GetLayout(file.Id, access), default, default, Urgency.Ordinary).ConfigureAwait(false);
            var granted = Expect<LayoutGranted>(sent.Reply);
            if (granted.Layout is not { } layout)
            {
                again = granted.AskAgainAfter > again ? granted.AskAgainAfter : again;
                return;
            }

            var snapshot = new LayoutSnapshot(layout, sent.Link.Session.BlockSize, _lease);
            if (!TryPublish(file, snapshot, life))
            {
                await TellAsync(new ReturnLayout(file.Id, layout.Generation), file.Id).ConfigureAwait(false);
            }
        }
        catch (VolumeException failure)
        {
            VolumeClientLog.NoLayout(_log, _settings.Volume, file.Id.ToString(), failure.Message);
        }
        finally
        {
            file.Asked(again);
        }
    }

    private bool TryPublish(ClientFile file, LayoutSnapshot snapshot, long life)
    {
        lock (_gate)
        {
            return life == _life && _fenced is null && file.TryPublish(snapshot);
        }
    }

    /// <summary>Takes a file's layout off the data path, waits for its I/O, and gives it back.</summary>
    private async ValueTask DropLayoutAsync(ClientFile file)
    {
        if (file.Unpublish() is { } layout)
        {
            await GiveBackAsync(file, layout).ConfigureAwait(false);
        }
    }

    private async Task GiveBackAsync(ClientFile file, LayoutSnapshot layout)
    {
        await layout.Drained.ConfigureAwait(false);
        file.Drained(layout);
        await TellAsync(new ReturnLayout(file.Id, layout.Layout.Generation), file.Id).ConfigureAwait(false);
        if (file.TakeWroteDirectly())
        {
            await TellAsync(new NoteDirectWrites(file.Id), file.Id).ConfigureAwait(false);
        }
    }

    private int DropLayouts()
    {
        var count = 0;
        foreach (var file in _files.Values)
        {
            if (file.Unpublish() is { } layout)
            {
                count++;
                _work.TryStart(() => GiveBackAsync(file, layout));
            }
        }

        return count;
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

        if (file.Recall(generation) is { } drained && !_work.TryStart(() => AnswerRecallAsync(file, generation, drained)))
        {
            file.RecallAnswered(generation);
        }
    }

    private async Task AnswerRecallAsync(ClientFile file, LayoutGeneration generation, Task drained)
    {
        await drained.ConfigureAwait(false);
        await TellAsync(new ReturnLayout(file.Id, generation), file.Id).ConfigureAwait(false);
        file.RecallAnswered(generation);

        // After the return: the operation that recalled waits for that one, and this one could have to wait for the operation.
        if (file.TakeWroteDirectly())
        {
            await TellAsync(new NoteDirectWrites(file.Id), file.Id).ConfigureAwait(false);
        }
    }
}
