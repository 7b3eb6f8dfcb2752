using Covol.Protocol.Migration;
using Covol.Protocol.Units;

namespace Covol.VirtualMachines.Migration;

/// <summary>How guests are moved.</summary>
/// <param name="DowntimeLimit">QEMU stops the guest when it believes that the rest goes over within this. It uses what it gets:
/// 30 to
/// 50 ms, not its own default of 300.</param>
/// <param name="BandwidthMax">A second, for the guest's memory.</param>
/// <param name="Limits">When to give up.</param>
public sealed record MigrationSettings(TimeSpan DowntimeLimit, ByteCount BandwidthMax, MigrationLimits Limits)
{
    public static MigrationSettings Default { get; } =
        new(TimeSpan.FromMilliseconds(40), ByteCount.FromMebibytes(1024), MigrationLimits.Default);
}
