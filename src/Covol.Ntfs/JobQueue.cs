using System.Diagnostics.CodeAnalysis;

namespace Covol.Ntfs;

/// <summary>
/// Jobs in the order they came, for threads that sleep while there is none. First come, first served; bounded: who adds to a full queue
/// waits. Any thread.
/// </summary>
/// <remarks>
/// The framework's own queues (<c>BlockingCollection</c>, <c>SemaphoreSlim</c>) spin for a while before they sleep. On a host whose
/// processors belong to guests, and on two cores here, that took a fifth of the coordinator's processor time from the very threads
/// that were waited for (docs/PERFORMANCE.md).
/// </remarks>
public sealed class JobQueue<T>(int max)
{
    private readonly object _gate = new();
    private readonly Queue<T> _jobs = new();
    private int _sleepers;
    private int _waitForRoom;
    private bool _isClosed;

    /// <summary>Nothing comes any more; what was there may still be taken.</summary>
    public bool IsClosed
    {
        get
        {
            lock (_gate)
            {
                return _isClosed;
            }
        }
    }

    /// <summary>Waits while the queue is full. False: it is closed, and the job was not taken.</summary>
    public bool TryAdd(T job)
    {
        lock (_gate)
        {
            while (_jobs.Count >= max && !_isClosed)
            {
                _waitForRoom++;
                Monitor.Wait(_gate);
                _waitForRoom--;
            }

            if (_isClosed)
            {
                return false;
            }

            _jobs.Enqueue(job);
            Wake(_sleepers);
            return true;
        }
    }

    /// <summary>Waits for a job, at most so long (or <see cref="Timeout.InfiniteTimeSpan"/>). False: none came, or none ever will.</summary>
    public bool TryTake(TimeSpan wait, [MaybeNullWhen(false)] out T job)
    {
        lock (_gate)
        {
            while (!_jobs.TryDequeue(out job))
            {
                if (_isClosed || wait == TimeSpan.Zero)
                {
                    return false;
                }

                _sleepers++;
                var wasWoken = Monitor.Wait(_gate, wait);
                _sleepers--;
                if (!wasWoken)
                {
                    return _jobs.TryDequeue(out job);
                }
            }

            Wake(_waitForRoom);
            return true;
        }
    }

    /// <summary>Ends the queue. With <paramref name="drop"/> what is in it is never carried out.</summary>
    public void Close(bool drop = false)
    {
        lock (_gate)
        {
            _isClosed = true;
            if (drop)
            {
                _jobs.Clear();
            }

            Monitor.PulseAll(_gate);
        }
    }

    private void Wake(int waiting)
    {
        if (waiting == 0)
        {
            return;
        }

        if (_sleepers > 0 && _waitForRoom > 0)
        {
            // One signal for both kinds: the one that is woken may be of the other.
            Monitor.PulseAll(_gate);
        }
        else
        {
            Monitor.Pulse(_gate);
        }
    }
}
