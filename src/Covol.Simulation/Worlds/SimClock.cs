using Covol.Protocol.Units;
using Covol.VolumeClient;

namespace Covol.Simulation.Worlds;

/// <summary>A process's own clock and timers: it goes on while the process is frozen, its timers fire after that.</summary>
internal sealed class SimClock(World world, SimProcess process, long offsetMilliseconds) : TimeProvider, IMonotonicClock
{
    private static readonly DateTimeOffset s_begin = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public Moment Now => new(GetTimestamp());

    public override long TimestampFrequency => 1_000_000_000;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long GetTimestamp() => world.Now + (offsetMilliseconds * 1_000_000);

    public override DateTimeOffset GetUtcNow() => s_begin.AddTicks(world.Now / 100);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SimTimer(process, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class SimTimer(SimProcess process, TimerCallback callback, object? state) : ITimer
    {
        private int _setting;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var mine = ++_setting;
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                process.After(dueTime, () => Fire(mine, period));
            }

            return true;
        }

        public void Dispose() => _setting++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Fire(int mine, TimeSpan period)
        {
            if (mine != _setting)
            {
                return;
            }

            if (period != Timeout.InfiniteTimeSpan && period > TimeSpan.Zero)
            {
                process.After(period, () => Fire(mine, period));
            }

            callback(state);
        }
    }
}
