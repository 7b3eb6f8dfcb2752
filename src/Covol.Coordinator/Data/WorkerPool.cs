using Covol.Coordinator.Driver;
using Covol.Ntfs;

namespace Covol.Coordinator.Data;

/// <summary>
/// A few named threads for calls that block on the LUN. The queue is bounded by the calls that are served at once: each waits for
/// its own job.
/// </summary>
internal sealed class WorkerPool : IDisposable
{
    private readonly JobQueue<Action> _jobs = new(int.MaxValue);
    private readonly Thread[] _threads;
    private readonly Action<Action>? _post;

    /// <param name="name">The threads' name.</param>
    /// <param name="count">How many threads.</param>
    /// <param name="stepped">For the simulation: jobs go there instead of to threads of this pool.</param>
    public WorkerPool(string name, int count, ISteppedThreads? stepped)
    {
        if (stepped is not null)
        {
            _threads = [];
            _post = job => stepped.PostBlocking(name, count, job);
            return;
        }

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
        var carry = () =>
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
        if (_post is not null)
        {
            _post(carry);
        }
        else
        {
            ObjectDisposedException.ThrowIf(!_jobs.TryAdd(carry), this);
        }

        return ended.Task;
    }

    /// <summary>Ends the threads after what is queued.</summary>
    public void Dispose()
    {
        _jobs.Close();
        foreach (var thread in _threads)
        {
            thread.Join();
        }
    }

    private void Run()
    {
        while (_jobs.TryTake(Timeout.InfiniteTimeSpan, out var job))
        {
            job();
        }
    }
}
