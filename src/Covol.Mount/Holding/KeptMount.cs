using Covol.Fuse;

namespace Covol.Mount.Holding;

/// <summary>What outlives a mount process, beside the descriptor itself.</summary>
/// <param name="Volume">Which volume.</param>
/// <param name="Path">Where it is mounted.</param>
/// <param name="MountId">Part of every request's identity (SAFETY 20).</param>
/// <param name="Connection">Number under /sys/fs/fuse/connections, to abort it.</param>
/// <param name="Minor">Negotiated minor version; there is no second INIT.</param>
/// <param name="Flags">Negotiated flags.</param>
/// <param name="WriteMax">Negotiated largest write.</param>
/// <param name="BackgroundMax">Negotiated background requests.</param>
public sealed record KeptMount(
    string Volume, string Path, Guid MountId, int Connection, int Minor, ulong Flags, int WriteMax, int BackgroundMax)
{
    public static KeptMount Of(string volume, string path, Guid mountId, int connection, FuseNegotiation negotiation) => new(
        volume, path, mountId, connection, negotiation.Minor, negotiation.Flags, negotiation.WriteMax, negotiation.BackgroundMax);

    public FuseNegotiation ToNegotiation() => new(Minor, Flags, WriteMax, BackgroundMax);
}
