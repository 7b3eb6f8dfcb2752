using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Transport;

/// <summary>A coordinator's answer.</summary>
/// <param name="Epoch">The epoch it serves under.</param>
/// <param name="Reply">What happened.</param>
/// <param name="Data">
/// Bytes of a <see cref="DataRead"/>, else empty. On the serving side they are read before the send completes; on the asking side
/// they lie in the memory that the caller gave.
/// </param>
public sealed record VolumeAnswer(Epoch Epoch, VolumeReply Reply, ReadOnlyMemory<byte> Data)
{
    /// <summary>
    /// Serving side: disposed of once when <see cref="Data"/> is not read any more, sent or not. Null where nobody needs to know.
    /// </summary>
    public IDisposable? DataOwner { get; init; }
}
