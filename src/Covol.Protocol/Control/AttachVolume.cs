using Covol.Protocol.Ids;

namespace Covol.Protocol.Control;

/// <summary>
/// The control plane tells a mount process: this volume is there, this is who coordinates it. Sent at the start and at each
/// change; the higher epoch wins, an older one is ignored.
/// </summary>
/// <param name="Volume">The volume's name; the mount appears at <c>NamespaceRoot/Volume</c>.</param>
/// <param name="LunUri">Where its LUN is, e.g. <c>file:/path</c>.</param>
/// <param name="DataKey">
/// The key of this incarnation of the node's data path on the LUN, never used before. A volume that is attached keeps the one it has,
/// unless it wants another (<see cref="MountedVolume.WantsKey"/>).
/// </param>
/// <param name="Epoch">The coordinator's epoch.</param>
/// <param name="Coordinator">Endpoints of the coordinator in order of preference: <c>unix:PATH</c> or
/// <c>tcp:node2@ADDRESS:PORT</c>, where only node2's certificate will do.</param>
public sealed record AttachVolume(
    string Volume, string LunUri, ReservationKey DataKey, Epoch Epoch, IReadOnlyList<string> Coordinator);
