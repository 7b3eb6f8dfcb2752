using Covol.Protocol.Volume;

namespace Covol.Transport;

/// <summary>What serves one volume (the coordinator). Called from connection threads, several at once.</summary>
public interface IVolumeService
{
    /// <summary>
    /// Carries out a call. Never throws for a bad request: that is a <see cref="Refused"/> answer. The task may end long after a
    /// later call's (slots are independent of each other).
    /// </summary>
    ValueTask<VolumeAnswer> CallAsync(IVolumeCaller caller, VolumeCall call, CancellationToken cancellation);

    /// <summary>The connection is gone. Its session is not: it may come back over another one.</summary>
    void Disconnected(IVolumeCaller caller);
}
