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

    public Task FlushAsync()
    {
        _next ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var mine = _next.Task;
        return _isRunning ? mine : RunAsync(mine);
    }

    private async Task RunAsync(Task mine)
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
                Failures++;
                failed(failure);
                group.SetException(failure);
            }
        }

        _isRunning = false;
        await mine;
    }
}
