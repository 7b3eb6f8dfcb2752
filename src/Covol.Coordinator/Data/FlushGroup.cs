using Covol.Protocol.Ids;

namespace Covol.Coordinator.Data;

/// <summary>
/// One flush of the LUN for all who ask while another one runs. On the coordinator's thread. A flush that began before somebody's
/// write ended does not count for him, so he waits for the next.
/// </summary>
internal sealed class FlushGroup(
    WorkerPool workers, FileData data, FlushLedger ledger, Func<FileId, bool> isWritable, Action<Exception> failed)
{
    private TaskCompletionSource? _next;
    private bool _isRunning;

    /// <summary>
    /// How many flushes failed. One that fails may lose what others wrote meanwhile, though their own flush succeeds after it.
    /// </summary>
    public long Failures { get; private set; }

    /// <summary>A node saw a flush of the LUN fail, whose cache is one for all: as if it had been one of these.</summary>
    public void FailedElsewhere(Exception failure)
    {
        Failures++;
        failed(failure);
    }

    public Task FlushAsync()
    {
        _next ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var mine = _next.Task;
        if (!_isRunning)
        {
            // It goes on for those who ask meanwhile; who asked first does not wait for them. All its failures are theirs who asked.
            _ = RunAsync();
        }

        return mine;
    }

    private async Task RunAsync()
    {
        _isRunning = true;
        while (_next is { } group)
        {
            _next = null;
            var flush = ledger.Begin();
            try
            {
                await workers.RunAsync(data.Flush);
                ledger.Succeeded(flush, isWritable);
                group.SetResult();
            }
#pragma warning disable CA1031 // Handed on to everyone of the group.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                group.SetException(Failed(failure));
            }
        }

        _isRunning = false;
    }

    /// <summary>Says so to the owner first. Answers what those of the group are told.</summary>
    private Exception Failed(Exception failure)
    {
        try
        {
            FailedElsewhere(failure);
            return failure;
        }
#pragma warning disable CA1031 // As above.
        catch (Exception broken)
#pragma warning restore CA1031
        {
            return broken;
        }
    }
}
