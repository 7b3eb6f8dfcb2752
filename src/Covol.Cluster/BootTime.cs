using System.ComponentModel;
using System.Runtime.InteropServices;
using Covol.Protocol.Units;

namespace Covol.Cluster;

/// <summary>
/// The system's time with CLOCK_BOOTTIME as its time stamps: they go on while the machine sleeps, so no lease or deadline is
/// stretched by that. Any thread.
/// </summary>
public sealed class BootTime : TimeProvider
{
    public static BootTime Instance { get; } = new();

    public override long TimestampFrequency => 1_000_000_000;

    public override long GetTimestamp() => Interop.LibC.ClockGetTime(Interop.LibC.CLOCK_BOOTTIME, out var time) == 0
        ? checked((time.Seconds * 1_000_000_000) + time.Nanoseconds)
        : throw new Win32Exception(Marshal.GetLastPInvokeError(), "CLOCK_BOOTTIME could not be read.");
}

internal static class Moments
{
    /// <summary>A provider's time stamp as the moment that machines take.</summary>
    public static Moment Now(this TimeProvider time) =>
        new((long)((Int128)time.GetTimestamp() * 1_000_000_000 / time.TimestampFrequency));
}
