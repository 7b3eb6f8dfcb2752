using Covol.Protocol.Volume;

namespace Covol.Transport;

/// <summary>What serves one volume (the coordinator). Called from connection threads, several at once.</summary>
public interface IVolumeService
{
    /// <summary>
    /// Carries out a call. Never throws for a bad request: that is a <see cref="Refused"/> answer. The task may end long after a
    /// later call's (slots are independent of each other), but the method itself must not block: it runs on the connection's reading
    /// thread, which answers pings too. The token is cancelled when the connection is gone; a call may go on all the same.
    /// </summary>
    ValueTask<VolumeAnswer> CallAsync(IVolumeCaller caller, VolumeCall call, CancellationToken cancellation);

    /// <summary>The connection is gone. Its session is not: it may come back over another one.</summary>
    void Disconnected(IVolumeCaller caller);
}
