namespace Covol.Protocol.Migration;

/// <summary>Patience of a migration.</summary>
/// <param name="Prepare">For both ends to be ready; the destination opens disks meanwhile.</param>
/// <param name="Stall">Longest time without a byte of memory sent. A file server that hangs stops the source's monitor for as
/// long, so it
/// is longer than a takeover of a volume.</param>
/// <param name="Copy">Longest copy; a guest that dirties memory faster than the network carries it would copy for ever.</param>
/// <param name="Ownership">For the cluster's record to change while the guest stands.</param>
/// <param name="HandOver">From 'continue' to the destination's RESUME. Then the destination is killed; the source decides the
/// rest.</param>
/// <param name="RollBack">From the source's "failed" to its RESUME.</param>
public sealed record MigrationLimits(
    TimeSpan Prepare, TimeSpan Stall, TimeSpan Copy, TimeSpan Ownership, TimeSpan HandOver, TimeSpan RollBack)
{
    public static MigrationLimits Default { get; } = new(
        Prepare: TimeSpan.FromSeconds(60), Stall: TimeSpan.FromSeconds(15), Copy: TimeSpan.FromMinutes(15),
        Ownership: TimeSpan.FromSeconds(10), HandOver: TimeSpan.FromSeconds(60), RollBack: TimeSpan.FromSeconds(30));
}
