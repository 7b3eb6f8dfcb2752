namespace Covol.Transport;

/// <summary>A client's connection to one coordinator. Any thread.</summary>
public interface IVolumeConnection : IAsyncDisposable
{
    /// <summary>
    /// Sends a call and waits for its answer. <see cref="VolumeAnswer.Data"/> is put into <paramref name="answerData"/>. Throws
    /// <see cref="ConnectionLostException"/> when the connection breaks first: whether the call was carried out is then unknown,
    /// and it is sent again under the same id.
    /// </summary>
    ValueTask<VolumeAnswer> CallAsync(VolumeCall call, Memory<byte> answerData, CancellationToken cancellation);

    /// <summary>Ends when the connection is gone, with the reason.</summary>
    Task<string> Closed { get; }
}
