using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

/// <content>Flushes of the LUN that fail here: its cache is one for all nodes, so the coordinator is told (SAFETY 19).</content>
public sealed partial class NodeVolume
{
    // Under the gate.
    private Task _failedFlushesTold = Task.CompletedTask;

    /// <summary>
    /// A flush of the LUN failed here. What lies in tails may be lost, and must not become valid: what was there before would show. So may be
    /// what others wrote; the coordinator hears of it before anything else that could make it believe that all is well: a return of a
    /// layout, a close, a synchronisation. Before <see cref="Fenced"/>. Any thread.
    /// </summary>
    public void FlushFailed(OpenFile handle)
    {
        foreach (var file in _files.Values)
        {
            if (file.LoseTails())
            {
                VolumeClientLog.TailLost(_log, _settings.Volume, file.Id.ToString(), "A flush of the LUN failed.");
            }
        }

        lock (_gate)
        {
            var before = _failedFlushesTold;
            var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_work.TryStart(() => TellFailedFlushAsync(handle.File, before, told)))
            {
                _failedFlushesTold = told.Task;
            }
        }
    }

    private async Task TellFailedFlushAsync(FileId file, Task before, TaskCompletionSource told)
    {
        try
        {
            await before.ConfigureAwait(false);
            await TellAsync(new NoteFailedFlush(file), file).ConfigureAwait(false);
        }
        finally
        {
            told.TrySetResult();
        }
    }

    /// <summary>The coordinator knows of every flush that failed here, or there is no session any more that could tell it.</summary>
    private Task FailedFlushesTold
    {
        get
        {
            lock (_gate)
            {
                return _failedFlushesTold;
            }
        }
    }

    /// <summary>The same within the wait limit. Refused with IoFailed after it.</summary>
    private async ValueTask TellFailedFlushesAsync()
    {
        try
        {
            await FailedFlushesTold.WaitAsync(_settings.IoWaitLimit, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new VolumeException(
                VolumeError.IoFailed,
                $"A flush of the LUN failed, and no coordinator took that in within {_settings.IoWaitLimit.TotalSeconds:0} s.");
        }
    }
}
