using System.Threading.Channels;

namespace Covol.Tests.Cli;

/// <summary>A clock that goes on when told to, and tells when somebody waits for it. Any thread.</summary>
internal sealed class SteppingTime : TimeProvider
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly List<Ringing> _timers = [];
    private readonly Channel<bool> _set = Channel.CreateUnbounded<bool>();
    private long _now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Ringing(callback, state, GetTimestamp() + dueTime.Ticks);
        lock (_gate)
        {
            _timers.Add(timer);
        }

        _set.Writer.TryWrite(true);
        return timer;
    }

    /// <summary>Waits until one more timer was set than were waited for.</summary>
    public async Task TimerIsSetAsync()
    {
        using var deadline = new CancellationTokenSource(s_limit);
        await _set.Reader.ReadAsync(deadline.Token);
    }

    public void Advance(TimeSpan by)
    {
        var now = Interlocked.Add(ref _now, by.Ticks);
        Ringing[] due;
        lock (_gate)
        {
            due = [.. _timers.Where(timer => timer.Due <= now)];
            _timers.RemoveAll(timer => timer.Due <= now);
        }

        foreach (var timer in due)
        {
            timer.Callback(timer.State);
        }
    }

    private sealed record Ringing(TimerCallback Callback, object? State, long Due) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => false;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
