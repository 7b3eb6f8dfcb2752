using Covol.Protocol.Units;
using Covol.VolumeClient;

namespace Covol.Tests.VolumeClient;

/// <summary>Time that a test moves by hand.</summary>
internal sealed class FakeClock : IMonotonicClock
{
    private long _now = 1_000_000_000;

    public Moment Now => new(Interlocked.Read(ref _now));

    public void Advance(TimeSpan by) => Interlocked.Add(ref _now, by.Ticks * 100);
}
