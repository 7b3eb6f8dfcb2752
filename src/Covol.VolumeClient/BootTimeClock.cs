using Covol.Protocol;
using Covol.Protocol.Units;

namespace Covol.VolumeClient;

/// <summary>CLOCK_BOOTTIME. A node that was suspended finds its leases ended when it wakes.</summary>
public sealed class BootTimeClock : IMonotonicClock
{
    public unsafe Moment Now
    {
        get
        {
            Interop.LibC.TimeSpec time;
            Invariant.Holds(Interop.LibC.ClockGetTime(Interop.LibC.BootTime, &time) == 0, "CLOCK_BOOTTIME cannot be read.");
            return new Moment(checked((time.Seconds * 1_000_000_000) + time.Nanoseconds));
        }
    }
}
