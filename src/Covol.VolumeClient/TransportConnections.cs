using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.VolumeClient;

/// <summary>Connections over Unix sockets and TCP with TLS.</summary>
/// <param name="tls">Who this node is; null where no coordinator is on another node. The caller's, for as long as this is used.</param>
/// <param name="time">Drives pings and deadlines.</param>
public sealed class TransportConnections(TlsIdentity? tls, TimeProvider time) : IConnectionSource
{
    public async ValueTask<IVolumeConnection> ConnectAsync(
        string volume, string endpoint, Action<VolumeNotice> notices, CancellationToken cancellation) =>
        await VolumeConnection.ConnectAsync(
            PeerEndpoint.Parse(endpoint), tls, notices, ConnectionOptions.Default with { Volume = volume }, time, cancellation)
            .ConfigureAwait(false);
}
