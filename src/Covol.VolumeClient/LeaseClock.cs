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

    public LeaseClock(IMonotonicClock clock) => _clock = clock;

    /// <summary>False: data read from the LUN by this session may be another file's by now and must not be shown.</summary>
    public bool IsRunning => _clock.Now.Nanoseconds < Volatile.Read(ref _ends);

    /// <summary>A renewal sent at <paramref name="sent"/> was confirmed.</summary>
    internal void Renewed(Moment sent, TimeSpan lease)
    {
        var ends = (sent + lease).Nanoseconds;
        if (ends > Volatile.Read(ref _ends))
        {
            Volatile.Write(ref _ends, ends);
        }
    }

    /// <summary>The session is over.</summary>
    internal void End() => Volatile.Write(ref _ends, long.MinValue);
}
