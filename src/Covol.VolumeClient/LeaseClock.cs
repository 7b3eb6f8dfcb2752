using Covol.Protocol.Units;

namespace Covol.VolumeClient;

/// <summary>
/// Until when the session's layouts live. Counted from the moment a renewal was <em>sent</em>, so a slow answer never stretches
/// it (SAFETY 7). Written by the session's keeper only, read by every data path thread; no lock, no allocation.
/// </summary>
public sealed class LeaseClock
{
    private readonly IMonotonicClock _clock;
    private long _ends = long.MinValue;
    private long _life;

    public LeaseClock(IMonotonicClock clock) => _clock = clock;

    /// <summary>False: data read from the LUN by this session may be another file's by now and must not be shown.</summary>
    public bool IsRunning => _clock.Now.Nanoseconds < Volatile.Read(ref _ends);

    /// <summary>How long it runs on at least; not positive when it has ended.</summary>
    public TimeSpan Left
    {
        get
        {
            var ends = Volatile.Read(ref _ends);
            return ends == long.MinValue ? TimeSpan.Zero : TimeSpan.FromTicks((ends - _clock.Now.Nanoseconds) / 100);
        }
    }

    /// <summary>
    /// Counts how often the lease began anew. What was granted in one life is worth nothing in the next: in between, its clusters may
    /// have become another file's, and a read that was submitted before would show them.
    /// </summary>
    public long Life => Volatile.Read(ref _life);

    /// <summary>It runs, and has run without a break since it had this life.</summary>
    public bool IsRunningSince(long life)
    {
        // In this order: a lease that began anew has its new life before it runs.
        return IsRunning && Volatile.Read(ref _life) == life;
    }

    /// <summary>
    /// A renewal sent at <paramref name="sent"/> was confirmed. True: the lease had run out before, and begins anew.
    /// </summary>
    internal bool Renewed(Moment sent, TimeSpan lease)
    {
        var isNew = !IsRunning;
        if (isNew)
        {
            Volatile.Write(ref _life, _life + 1);
        }

        var ends = (sent + lease).Nanoseconds;
        if (ends > Volatile.Read(ref _ends))
        {
            Volatile.Write(ref _ends, ends);
        }

        return isNew;
    }

    /// <summary>The session is over.</summary>
    internal void End() => Volatile.Write(ref _ends, long.MinValue);
}
