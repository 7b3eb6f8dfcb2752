using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.VolumeClient;

/// <summary>Makes connections to a coordinator.</summary>
public interface IConnectionSource
{
    /// <summary>
    /// Connects to the coordinator of a volume at one endpoint (<c>unix:PATH</c> or <c>tcp:ADDRESS:PORT</c>).
    /// <paramref name="notices"/> is called on the
    /// connection's reading thread, in the order of the stream and before any answer that came later; it never blocks.
    /// Throws <see cref="IOException"/> when nobody answers there, or only the coordinator of another volume.
    /// </summary>
    ValueTask<IVolumeConnection> ConnectAsync(
        string volume, string endpoint, Action<VolumeNotice> notices, CancellationToken cancellation);
}
