using System.Diagnostics.CodeAnalysis;
using Covol.Protocol;

namespace Covol.Ntfs;

/// <summary>
/// The one thread on which a volume's native code runs. Jobs run in the order they were given; the queue is bounded, and giving a
/// job to a full queue waits. An exception of a job goes to whoever waits for it.
/// </summary>
public sealed class MetadataThread : IDisposable
{
    /// <summary>Jobs that may wait. More than all slots of one volume together never happens in a correct coordinator.</summary>
    public const int QueueMax = 16_384;

    private readonly JobQueue<Action> _jobs = new(QueueMax);
    private readonly Thread? _thread;
    private readonly Action<Action>? _post;
    private bool _isStepping;

    /// <param name="volume">Goes into the thread's name.</param>
    public MetadataThread(string volume)
    {
        _thread = new Thread(Run) { Name = $"covol-meta {volume}", IsBackground = true };
        _thread.Start();
    }

    /// <summary>
    /// For the simulation: no thread of its own. Jobs go to <paramref name="post"/>, which carries them out in order, one at a time.
    /// </summary>
    internal MetadataThread(Action<Action> post) => _post = post;

    public bool IsCurrent => _thread is null ? _isStepping : Thread.CurrentThread == _thread;

    /// <summary>Every path into native code calls this.</summary>
    public void AssertCurrent() => Invariant.Holds(
        IsCurrent, "The metadata of a volume was touched by a thread other than its own.");

    /// <summary>Waits while the queue is full. Throws <see cref="ObjectDisposedException"/> after the end of the thread.</summary>
    public Task<T> RunAsync<T>(Func<T> job)
    {
        ArgumentNullException.ThrowIfNull(job);
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_post is not null)
        {
            _post(() => Step(() => Carry(job, result)));
        }
        else
        {
            ObjectDisposedException.ThrowIf(!_jobs.TryAdd(() => Carry(job, result)), this);
        }

        return result.Task;
    }

    public Task RunAsync(Action job)
    {
        ArgumentNullException.ThrowIfNull(job);
        return RunAsync<object?>(
            () =>
            {
                job();
                return null;
            });
    }

    /// <summary>Runs what is queued, then ends. Not callable from the thread itself.</summary>
    public void Dispose()
    {
        Invariant.Holds(!IsCurrent, "The metadata thread was told to end by itself.");
        _jobs.Close();
        _thread?.Join();
    }

    [SuppressMessage("Design", "CA1031", Justification = "The failure belongs to the one who waits for the job.")]
    private static void Carry<T>(Func<T> job, TaskCompletionSource<T> result)
    {
        try
        {
            result.SetResult(job());
        }
        catch (Exception failure)
        {
            result.SetException(failure);
        }
    }

    private void Step(Action job)
    {
        _isStepping = true;
        try
        {
            job();
        }
        finally
        {
            _isStepping = false;
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
