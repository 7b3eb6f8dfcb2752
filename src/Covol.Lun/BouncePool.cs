namespace Covol.Lun;

/// <summary>
/// Aligned buffers for callers whose memory is not. Any thread; takes and gives back without a lock and without managed
/// allocation once warm. When all are out a caller gets a fresh buffer, and only as many as fit are kept.
/// </summary>
internal sealed class BouncePool : IDisposable
{
    /// <summary>Bytes moved in one step.</summary>
    public const int BufferLength = 256 << 10;

    private const int KeptMax = 8;

    private readonly AlignedBuffer?[] _kept = new AlignedBuffer?[KeptMax];
    private volatile bool _closed;

    public AlignedBuffer Take()
    {
        for (var index = 0; index < KeptMax; index++)
        {
            if (Interlocked.Exchange(ref _kept[index], null) is { } buffer)
            {
                return buffer;
            }
        }

        return new AlignedBuffer(BufferLength);
    }

    public void GiveBack(AlignedBuffer buffer)
    {
        for (var index = 0; index < KeptMax && !_closed; index++)
        {
            if (Interlocked.CompareExchange(ref _kept[index], buffer, null) is null)
            {
                return;
            }
        }

        buffer.Dispose();
    }

    public void Dispose()
    {
        _closed = true;
        for (var index = 0; index < KeptMax; index++)
        {
            Interlocked.Exchange(ref _kept[index], null)?.Dispose();
        }
    }
}
