using Covol.Ntfs;
using Covol.Protocol.Units;

namespace Covol.Coordinator.Driver;

/// <summary>
/// The one thread on which a coordinator decides. Machines, sessions and gates are touched here only, so none of them has a lock.
/// Asynchronous methods that begin here go on here after each await (it is their <see cref="SynchronizationContext"/>).
/// Nothing that
/// blocks runs here: metadata and data have threads of their own.
/// </summary>
internal sealed class CoordinatorThread : SynchronizationContext, IDisposable
{
    /// <summary>How often an advanced test clock is looked at.</summary>
    private static readonly TimeSpan s_testClockStep = TimeSpan.FromMilliseconds(5);

    private readonly JobQueue<(SendOrPostCallback Callback, object? State)> _queue = new(int.MaxValue);
    private readonly PriorityQueue<Action, Moment> _timers = new();
    private readonly TimeProvider _time;
    private readonly Action<Exception> _failed;
    private readonly Thread? _thread;
    private readonly ISteppedThreads? _stepped;
    private bool _isStepping;
    private volatile bool _stopped;

    public CoordinatorThread(string name, TimeProvider time, Action<Exception> failed, ISteppedThreads? stepped = null)
    {
        _time = time;
        _failed = failed;
        _stepped = stepped;
        if (stepped is not null)
        {
            return;
        }

        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    public Moment Now => new((long)((Int128)_time.GetTimestamp() * 1_000_000_000 / _time.TimestampFrequency));

    public FileTime WallClock => new(_time.GetUtcNow().ToFileTime());

    public void AssertCurrent() =>
        Protocol.Invariant.Holds(
            _thread is null ? _isStepping : Thread.CurrentThread == _thread, "The coordinator's state was touched from another thread.");

    /// <summary>Any thread. After the stop it does nothing. The queue is bounded by the calls that are served at once.</summary>
    public override void Post(SendOrPostCallback d, object? state)
    {
        if (_stepped is null)
        {
            _queue.TryAdd((d, state));
        }
        else if (!_stopped)
        {
            _stepped.Post(() => Step(() => d(state)));
        }
    }

    public void Post(Action action) => Post(static state => ((Action)state!)(), action);

    public override void Send(SendOrPostCallback d, object? state) =>
        throw new NotSupportedException("Nobody waits for the coordinator's thread.");

    public override SynchronizationContext CreateCopy() => this;

    /// <summary>On this thread: runs an action here at a time or a little later.</summary>
    public void At(Moment moment, Action action)
    {
        AssertCurrent();
        if (_stepped is not null)
        {
            _stepped.PostAt(moment, () => Step(action));
            return;
        }

        _timers.Enqueue(action, moment);
    }

    /// <summary>On this thread: ends after a span, here.</summary>
    public Task Delay(TimeSpan span)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        At(Now + span, () => ended.TrySetResult());
        return ended.Task;
    }

    public void Stop()
    {
        _stopped = true;
        _queue.Close(drop: true);
    }

    public void Dispose()
    {
        Stop();
        if (Thread.CurrentThread != _thread)
        {
            _thread?.Join();
        }
    }

    /// <summary>What <see cref="Run"/> does with one callback.</summary>
    private void Step(Action action)
    {
        if (_stopped)
        {
            return;
        }

        var before = Current;
        SetSynchronizationContext(this);
        _isStepping = true;
        try
        {
            action();
        }
#pragma warning disable CA1031 // As in Run.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            _failed(failure);
        }
        finally
        {
            _isStepping = false;
            SetSynchronizationContext(before);
        }
    }

    private void Run()
    {
        SetSynchronizationContext(this);
        try
        {
            while (true)
            {
                while (_timers.TryPeek(out var action, out var at) && at <= Now)
                {
                    _timers.Dequeue();
                    action();
                }

                if (_queue.TryTake(UntilNextTimer(), out var next))
                {
                    next.Callback(next.State);
                }
                else if (_queue.IsClosed)
                {
                    return;
                }
            }
        }
#pragma warning disable CA1031 // Whatever was thrown here, the state is not to be trusted any more: the owner ends the process.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            _failed(failure);
        }
    }

    private TimeSpan UntilNextTimer()
    {
        if (!_timers.TryPeek(out _, out var at))
        {
            return Timeout.InfiniteTimeSpan;
        }

        if (_time != TimeProvider.System)
        {
            return s_testClockStep;
        }

        var left = at - Now;
        return left <= TimeSpan.Zero ? TimeSpan.Zero : left + TimeSpan.FromMilliseconds(1);
    }
}
