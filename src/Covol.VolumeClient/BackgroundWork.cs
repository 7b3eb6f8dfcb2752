using System.Diagnostics.CodeAnalysis;

namespace Covol.VolumeClient;

/// <summary>
/// Work that nobody waits for at once: layout fetches, recalls. Counted, so that it has ended before its owner has. Each piece
/// handles its own failures; one that escapes is a broken invariant and ends the process.
/// </summary>
internal sealed class BackgroundWork
{
    private readonly Lock _gate = new();
    private readonly HashSet<Task> _running = [];
    private readonly TaskCompletionSource _closing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _closed;

    /// <summary>Ends when the owner is closing: what waits for work that will not be started any more stops waiting.</summary>
    public Task Closing => _closing.Task;

    /// <summary>Runs on the thread pool. False: the owner is closing and nothing was started.</summary>
    public bool TryStart(Func<Task> work)
    {
        lock (_gate)
        {
            if (_closed)
            {
                return false;
            }

            var task = Guarded(work);
            _running.Add(task);
            _ = task.ContinueWith(Ended, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            return true;
        }
    }

    /// <summary>Starts nothing more and waits for what runs.</summary>
    public async Task CloseAsync()
    {
        Task[] left;
        lock (_gate)
        {
            _closed = true;
            left = [.. _running];
        }

        _closing.TrySetResult();
        await Task.WhenAll(left).ConfigureAwait(false);
    }

    /// <summary>Runs a loop whose unexpected end must not go unseen.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever escapes ends the process, loudly.")]
    public static Task Guarded(Func<Task> work) => Task.Run(async () =>
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            Environment.FailFast($"A volume client's background work failed: {failure.Message}", failure);
        }
    });

    private void Ended(Task task)
    {
        lock (_gate)
        {
            _running.Remove(task);
        }
    }
}
