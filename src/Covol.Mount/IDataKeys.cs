using Covol.Protocol.Ids;

namespace Covol.Mount;

/// <summary>
/// Where a mount gets the key of its next incarnation from. Only the control plane can make one: keys are counted in the cluster store
/// and never handed out twice (SAFETY 1, 4).
/// </summary>
public interface IDataKeys
{
    /// <summary>Waits, as long as it takes, for a key that was never registered. It is used once, or not at all.</summary>
    Task<ReservationKey> NextAsync(CancellationToken cancellation);
}
