using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Ownership;
using Covol.Protocol.Store;

namespace Covol.Cluster.Ownership;

/// <summary>
/// Coordinator processes of this node, at most one a volume. Calls for one volume come one at a time and end soon (a request sent,
/// a process started): what becomes of them is told as inputs. An <see cref="IOException"/> is logged, not repeated. Any thread.
/// </summary>
public interface ICoordinatorProcesses
{
    /// <summary>
    /// Tells <see cref="CoordinatorReported"/> and <see cref="CoordinatorEnded"/> of this volume's processes from now on, the latter
    /// exactly once a process. Returns what an earlier control plane left running.
    /// </summary>
    Task<Started> ObserveAsync(VolumeRecord volume, Action<OwnershipInput> tell, CancellationToken cancellation);

    /// <summary>
    /// Ends any earlier process of the volume, then starts one that registers <paramref name="key"/> on the LUN and waits. One that
    /// cannot be started is told as <see cref="CoordinatorEnded"/>.
    /// </summary>
    Task StartStandbyAsync(VolumeRecord volume, ReservationKey key, CancellationToken cancellation);

    /// <summary>Tells the standby with this key that its epoch is won.</summary>
    Task ActivateAsync(string volume, ReservationKey key, ActivateCoordinator order, CancellationToken cancellation);

    /// <summary>
    /// Tells the coordinator with this key that a node was evicted. What becomes of it is told as <see cref="EvictionTold"/>, once.
    /// </summary>
    Task EvictAsync(string volume, ReservationKey key, EvictNode order, CancellationToken cancellation);

    /// <summary>Asks the coordinator with this key to drain, checkpoint, unregister and end.</summary>
    Task HandOverAsync(string volume, ReservationKey key, CancellationToken cancellation);

    /// <summary>Ends the process with this key by force.</summary>
    Task StopAsync(string volume, ReservationKey key, CancellationToken cancellation);
}
