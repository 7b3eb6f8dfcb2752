using Covol.Protocol.Ids;

namespace Covol.VolumeClient;

/// <summary>Who coordinates the volume, as the control plane says.</summary>
/// <param name="Epoch">The higher one wins.</param>
/// <param name="Endpoints">In order of preference.</param>
internal sealed record CoordinatorRoute(Epoch Epoch, IReadOnlyList<string> Endpoints);
