using System.Collections.Concurrent;
using Covol.Protocol.Layouts;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

/// <content>What was written behind valid length is told: at fsync, close, recall, when somebody looks, and now and then (SAFETY 13).</content>
public sealed partial class NodeVolume
{
    /// <summary>A tail that is not written for so many renewals of the lease is given back: each look at the file asks this node.</summary>
    private const int QuietRenewalsMax = 5;

    /// <summary>
    /// Tails that are told at one time only because it is time: each takes a reserved slot, in which recalls are answered too (SAFETY 22).
    /// </summary>
    private const int ToldAtOnceMax = 8;

    /// <summary>
    /// A tail with more untold bytes is told before it is made longer: the coordinator gives no more than 1 GiB behind valid length.
    /// </summary>
    private const long UntoldMax = 512 << 20;

    private int _isTellingAll;

    /// <summary>
    /// Everything that this node has acknowledged behind valid length is valid and stable when this ends. Refused with IoFailed where
    /// it is lost, and where the coordinator does not answer within the wait limit.
    /// </summary>
    private async ValueTask TellTailsAsync(ClientFile file)
    {
        if (_settings.TellsTails && file.HasAnyTail)
        {
            var told = TellAllAsync(file);
            try
            {
                await told.WaitAsync(_settings.IoWaitLimit, _time).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                throw new VolumeException(
                    VolumeError.IoFailed,
                    $"What was written at the end of {file.Id} is not stable: no answer within {_settings.IoWaitLimit.TotalSeconds:0} s.");
            }
        }

        if (file.HasLostTail)
        {
            throw new VolumeException(
                VolumeError.IoFailed,
                $"What was written at the end of {file.Id} is lost. Close it, check what it holds, and write it again.");
        }
    }

    /// <summary>
    /// Before the volume is taken off this node: as <see cref="TellTailsAsync(ClientFile)"/> for all files, those too that programs have closed.
    /// Answers of how many the coordinator did not take it in within the limit.
    /// </summary>
    public async Task<int> TellTailsAsync(TimeSpan limit)
    {
        var told = TellAllAsync([.. _files.Values.Where(file => file.HasAnyTail)]);
        try
        {
            await told.WaitAsync(limit, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // It goes on, for as long as the volume is on this node.
            return _files.Values.Count(file => file.HasUntoldTail);
        }

        return 0;
    }

    private async Task TellAllAsync(ClientFile[] files)
    {
        foreach (var some in files.Chunk(ToldAtOnceMax))
        {
            await Task.WhenAll(some.Select(TellAllAsync)).ConfigureAwait(false);
        }
    }

    private async Task TellAllAsync(ClientFile file)
    {
        if (file.Layout is { Tail: not null } layout)
        {
            await TellTailAsync(file, layout, ticket: 0, isLast: false).ConfigureAwait(false);
        }

        await Task.WhenAny(file.UnpublishedEnded(), _work.Closing).ConfigureAwait(false);
    }

    /// <summary>
    /// Tells the coordinator what was written in a layout's tail. Is never given up: while it is not known whether the coordinator makes
    /// gaps zero, nothing may be written there.
    /// </summary>
    private async Task TellTailAsync(ClientFile file, LayoutSnapshot layout, long ticket, bool isLast)
    {
        var tail = layout.Tail!;
        await tail.Turn.WaitAsync().ConfigureAwait(false);
        try
        {
            if (tail.IsOver)
            {
                return;
            }

            await tail.StopAsync().ConfigureAwait(false);
            var written = tail.Written();
            if (written.Length == 0 && ticket == 0 && !isLast)
            {
                return;
            }

            var told = new CommitLayout(file.Id, layout.Layout.Generation, written, ticket, isLast);
            var failure = await TryTellAsync(told).ConfigureAwait(false);
            if (failure is null)
            {
                tail.Told();
            }
            else if (file.LoseTail(tail))
            {
                VolumeClientLog.TailLost(_log, _settings.Volume, file.Id.ToString(), failure);
            }

            tail.IsOver = isLast;
        }
        finally
        {
            tail.GoOn();
            tail.Turn.Release();
        }
    }

    /// <summary>Null: done.</summary>
    private async Task<string?> TryTellAsync(CommitLayout told)
    {
        try
        {
            var sent = await _keeper.SendAsync(told, default, default, Urgency.Layout).ConfigureAwait(false);
            return sent.Reply is Refused refused ? refused.Detail : null;
        }
        catch (VolumeException failure)
        {
            return failure.Message;
        }
    }

    /// <summary>The coordinator asks what was written in a tail, or wants it back.</summary>
    private void TailAsked(ReportTail asked)
    {
        LayoutSnapshot? layout = null;
        if (!_files.TryGetValue(asked.File, out var file) || !file.TryFindTail(asked.Generation, out layout))
        {
            // A grant that is on its way is never published from now on, so nothing was and nothing will be written in it.
            _work.TryStart(() => TellAsync(new CommitLayout(asked.File, asked.Generation, [], asked.Ticket, IsLast: true), asked.File).AsTask());
            return;
        }

        if (asked.IsLast)
        {
            Recalled(asked.File, asked.Generation);
        }
        else if (layout.Tail!.TryBeginAnswers(asked.Ticket))
        {
            _work.TryStart(() => AnswerAsync(file, layout));
        }
    }

    private async Task AnswerAsync(ClientFile file, LayoutSnapshot layout)
    {
        var answered = 0L;
        while (layout.Tail!.NextAsked(answered) is { } ticket)
        {
            await TellTailAsync(file, layout, ticket, isLast: false).ConfigureAwait(false);
            answered = ticket;
        }
    }

    /// <summary>Now and then, so that a node that dies loses little, and a tail that nobody writes costs nobody anything.</summary>
    private void TellTailsNow()
    {
        var untold = new ConcurrentQueue<(ClientFile File, LayoutSnapshot Layout)>();
        foreach (var file in _files.Values)
        {
            if (file.Layout is not { Tail: { } tail } layout)
            {
                continue;
            }

            if (!tail.IsAllTold)
            {
                untold.Enqueue((file, layout));
            }

            if (tail.CountQuiet() >= QuietRenewalsMax)
            {
                DropLayout(file);
            }
        }

        if (!untold.IsEmpty && Interlocked.Exchange(ref _isTellingAll, 1) == 0 && !_work.TryStart(() => TellEachAsync(untold)))
        {
            Volatile.Write(ref _isTellingAll, 0);
        }
    }

    private async Task TellEachAsync(ConcurrentQueue<(ClientFile File, LayoutSnapshot Layout)> untold)
    {
        await Task.WhenAll(Enumerable.Range(0, Math.Min(ToldAtOnceMax, untold.Count)).Select(_ => TellSomeAsync())).ConfigureAwait(false);
        Volatile.Write(ref _isTellingAll, 0);

        async Task TellSomeAsync()
        {
            while (untold.TryDequeue(out var next))
            {
                await TellTailAsync(next.File, next.Layout, ticket: 0, isLast: false).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// Half of a tail is written: more room is asked for while the rest is written, so that a file that grows never waits for it.
    /// </summary>
    private async Task ExtendTailAsync(ClientFile file, LayoutSnapshot layout, TaskCompletionSource coming)
    {
        try
        {
            if (layout.Tail!.Untold > UntoldMax)
            {
                await TellTailAsync(file, layout, ticket: 0, isLast: false).ConfigureAwait(false);
            }

            var get = new GetLayout(file.Id, LayoutAccess.ReadWrite, WithTail: true, layout.Layout.Generation);
            var sent = await _keeper.SendAsync(get, default, default, Urgency.Ordinary).ConfigureAwait(false);
            if (Expect<LayoutGranted>(sent.Reply).Layout is { } longer)
            {
                layout.TryExtend(longer);
            }
        }
        catch (VolumeException failure)
        {
            VolumeClientLog.NoLayout(_log, _settings.Volume, file.Id.ToString(), failure.Message);
        }
        finally
        {
            EndRoom(file, coming);
        }
    }

    /// <summary>Writes at the file's end wait from here on, until <see cref="EndRoom"/>, or not longer than they may.</summary>
    private TaskCompletionSource BeginRoom(ClientFile file)
    {
        var coming = file.BeginRoom();
        if (!_work.TryStart(() => LimitRoomAsync(file, coming)))
        {
            file.EndRoom(coming);
        }

        return coming;
    }

    private static void EndRoom(ClientFile file, TaskCompletionSource? coming)
    {
        if (coming is not null)
        {
            file.EndRoom(coming);
        }
    }

    /// <summary>Whoever waits for room does not wait for a coordinator that is away.</summary>
    private async Task LimitRoomAsync(ClientFile file, TaskCompletionSource coming)
    {
        try
        {
            await coming.Task.WaitAsync(_settings.RoomWait, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            file.EndRoom(coming);
        }
    }

    /// <summary>Queued by the data path, which waits for nothing and allocates nothing.</summary>
    private sealed class LowTail(NodeVolume volume, ClientFile file, LayoutSnapshot layout) : IThreadPoolWorkItem
    {
        public void Execute()
        {
            var coming = volume.BeginRoom(file);
            if (!volume._work.TryStart(() => volume.ExtendTailAsync(file, layout, coming)))
            {
                file.EndRoom(coming);
            }
        }
    }
}
