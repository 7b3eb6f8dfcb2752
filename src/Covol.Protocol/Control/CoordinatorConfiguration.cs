using Covol.Protocol.Ids;

namespace Covol.Protocol.Control;

/// <summary>What <c>covold coordinator --config FILE</c> reads (JSON, camelCase).</summary>
/// <param name="Volume">Which volume.</param>
/// <param name="Node">On which node.</param>
/// <param name="LunUri">Where its LUN is.</param>
/// <param name="Epoch">
/// Under which epoch it serves, already won and naming <paramref name="CoordinatorKey"/>; only where nobody else can claim. 0, the
/// rule in a cluster: register the key, report <see cref="CoordinatorPhase.Standby"/>, wait for <see cref="ActivateCoordinator"/>.
/// </param>
/// <param name="CoordinatorKey">Its own key on the LUN, used once.</param>
/// <param name="KeysToFence">Coordinator keys named by lower epochs: preempted and drained before replay (SAFETY 2).</param>
/// <param name="Endpoints">Where it listens: <c>unix:PATH</c> and <c>tcp:ADDRESS:PORT</c>.</param>
/// <param name="ControlSocket">Unix socket for the control plane: <see cref="CoordinatorState"/>, hand over.</param>
/// <param name="Tls">Certificates for TCP endpoints; null only where there are none.</param>
/// <param name="DefaultOwner">Owner of files that carry none.</param>
/// <param name="DefaultGroup">Group of files that carry none.</param>
public sealed record CoordinatorConfiguration(
    string Volume,
    NodeId Node,
    string LunUri,
    Epoch Epoch,
    ReservationKey CoordinatorKey,
    IReadOnlyList<ReservationKey> KeysToFence,
    IReadOnlyList<string> Endpoints,
    string ControlSocket,
    TlsFiles? Tls,
    uint DefaultOwner = 0,
    uint DefaultGroup = 0);
