using System.Collections.Concurrent;

namespace Covol.Coordinator.Data;

/// <summary>
/// A few named threads for calls that block on the LUN. The queue is bounded by the calls that are served at once: each waits for
/// its own job.
/// </summary>
internal sealed class WorkerPool : IDisposable
{
    private readonly BlockingCollection<Action> _jobs = [];
    private readonly Thread[] _threads;

    public WorkerPool(string name, int count)
    {
        _threads = new Thread[count];
        for (var index = 0; index < count; index++)
        {
            _threads[index] = new Thread(Run) { Name = $"{name} {index}", IsBackground = true };
            _threads[index].Start();
        }
    }

    /// <summary>Any thread. The job's failure is the task's.</summary>
    public Task RunAsync(Action job) => RunAsync(() =>
    {
        job();
        return true;
    });

    public Task<T> RunAsync<T>(Func<T> job)
    {
        var ended = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _jobs.Add(() =>
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
        });
        return ended.Task;
    }

    /// <summary>Ends the threads after what is queued.</summary>
    public void Dispose()
    {
        _jobs.CompleteAdding();
        foreach (var thread in _threads)
        {
            thread.Join();
        }

        _jobs.Dispose();
    }

    private void Run()
    {
        foreach (var job in _jobs.GetConsumingEnumerable())
        {
            job();
        }
    }
}
