using Covol.Protocol.Ids;

namespace Covol.Protocol.Control;

/// <summary>
/// The control plane tells a coordinator process in <see cref="CoordinatorPhase.Standby"/>: the epoch that names your key is won.
/// It then preempts and drains <paramref name="KeysToFence"/>, verifies, replays, checkpoints and serves. Sent once; without it
/// a standby writes nothing.
/// </summary>
/// <param name="Epoch">Under which epoch it serves.</param>
/// <param name="KeysToFence">Coordinator keys named by lower epochs (SAFETY 2).</param>
public sealed record ActivateCoordinator(Epoch Epoch, IReadOnlyList<ReservationKey> KeysToFence);
