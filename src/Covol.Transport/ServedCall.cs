namespace Covol.Transport;

/// <summary>One call on the serving side, from its arrival until its answer left: what it holds is given back then.</summary>
internal sealed class ServedCall(ServedConnection connection, AlignedBufferPool.Buffer? data) : IFrameOwner
{
    private IDisposable? _answerData;
    private int _over;

    public bool HasData => data is not null;

    public void Answered(VolumeAnswer answer)
    {
        _answerData = answer.DataOwner;
        data?.Return();
    }

    public bool BeginWrite() => true;

    public void EndWrite()
    {
        if (Interlocked.Exchange(ref _over, 1) == 0)
        {
            _answerData?.Dispose();
            connection.Over(this);
        }
    }
}
