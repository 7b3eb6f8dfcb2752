using Covol.Protocol.Units;

namespace Covol.VolumeClient;

/// <summary>The node's own time, from which leases are counted (SAFETY 7). Any thread, never blocks, never allocates.</summary>
public interface IMonotonicClock
{
    Moment Now { get; }
}
