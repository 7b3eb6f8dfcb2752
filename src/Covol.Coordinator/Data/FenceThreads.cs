using Covol.Coordinator.Driver;

namespace Covol.Coordinator.Data;

/// <summary>
/// A thread for each fence, up to a limit: a fence waits for the victim's I/O to end, for seconds at worst, and that one's wait must
/// not delay another's. Fences are rare, so no thread is kept for them. Any thread.
/// </summary>
internal sealed class FenceThreads(string name, int limit, ISteppedThreads? stepped) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Queue<Action> _waiting = new();
    private readonly List<Thread> _running = [];
    private bool _isDisposed;

    /// <summary>The job's failure is the task's. After the end nothing begins any more, and the task never ends.</summary>
    public Task<T> RunAsync<T>(Func<T> job)
    {
        var ended = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_isDisposed)
            {
                return ended.Task;
            }

            Action carry = () =>
            {
                try
                {
                    ended.SetResult(job());
                }
#pragma warning disable CA1031 // Handed on whole to the one who waits.
                catch (Exception failure)
#pragma warning restore CA1031
                {
                    ended.SetException(failure);
                }
            };
            if (stepped is not null)
            {
                stepped.PostBlocking(name, limit, carry);
                return ended.Task;
            }

            _waiting.Enqueue(carry);
            if (_running.Count < limit)
            {
                var thread = new Thread(Run) { Name = name, IsBackground = true };
                _running.Add(thread);
                thread.Start();
            }
        }

        return ended.Task;
    }

    /// <summary>Waits for the fences that run; what waits for its turn is not begun.</summary>
    public void Dispose()
    {
        List<Thread> running;
        lock (_gate)
        {
            _isDisposed = true;
            _waiting.Clear();
            running = [.. _running];
        }

        foreach (var thread in running)
        {
            thread.Join();
        }
    }

    private void Run()
    {
        while (true)
        {
            Action? job;
            lock (_gate)
            {
                if (!_waiting.TryDequeue(out job))
                {
                    _running.Remove(Thread.CurrentThread);
                    return;
                }
            }

            job();
        }
    }
}
