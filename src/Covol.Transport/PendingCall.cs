using Covol.Protocol.Ids;
using Covol.Protocol.Wire;

namespace Covol.Transport;

/// <summary>
/// A call from the moment it is queued until its answer came. It guards the caller's memory: a caller that gives up gets its
/// memory back only when nothing reads or writes it any more.
/// <code>
/// Queued ──► Writing ──► Sent ──► Receiving ──► Over
///    └─ cancelled: Over, never sent   └─ cancelled: the caller goes, the answer is thrown away when it comes
/// </code>
/// </summary>
internal sealed class PendingCall(VolumeCall call, Memory<byte> answerData, Action<PendingCall> leave) : IFrameOwner
{
    /// <summary>Longer data is taken by another thread, so that the connection is read on meanwhile.</summary>
    private const int DataAtOnceMax = 32 * 1024;

    private readonly Lock _lock = new();

    // Whoever waits goes on where the answer was read: one thread less on the way of each request. Never under the lock.
    private readonly TaskCompletionSource<VolumeAnswer> _answered = new();

    private State _state = State.Queued;
    private bool _cancelled;

    private enum State
    {
        Queued,
        Writing,
        Sent,
        Receiving,
        Over,
    }

    public required uint Tag { get; init; }

    public required bool HoldsDataTurn { get; init; }

    public RequestId Id => call.Id;

    public Task<VolumeAnswer> Answered => _answered.Task;

    public bool BeginWrite()
    {
        lock (_lock)
        {
            if (_state != State.Queued)
            {
                return false;
            }

            _state = State.Writing;
            return true;
        }
    }

    public void EndWrite()
    {
        lock (_lock)
        {
            if (_state != State.Writing)
            {
                return;
            }

            _state = State.Sent;
            if (!_cancelled)
            {
                return;
            }
        }

        _answered.TrySetCanceled();
    }

    /// <summary>The caller gives up. What happens to the request is not known, unless it was still queued.</summary>
    public void Cancel()
    {
        var wasSent = false;
        lock (_lock)
        {
            switch (_state)
            {
                case State.Queued:
                    _state = State.Over;
                    break;
                case State.Sent:
                    _cancelled = wasSent = true;
                    break;
                default:
                    _cancelled = true;
                    return;
            }
        }

        if (!wasSent)
        {
            leave(this);
        }

        _answered.TrySetCanceled();
    }

    /// <summary>The answer is here. Where its data goes; null when nobody waits for it any more.</summary>
    public Memory<byte>? BeginReceive()
    {
        lock (_lock)
        {
            if (_state is not (State.Sent or State.Writing))
            {
                throw new WireFormatException($"An answer came for {Id}, which was not sent.");
            }

            if (!_cancelled)
            {
                _state = State.Receiving;
                return answerData;
            }

            _state = State.Over;
        }

        _answered.TrySetCanceled();
        return null;
    }

    public void Complete(VolumeAnswer answer)
    {
        lock (_lock)
        {
            _state = State.Over;
        }

        if (answer.Data.Length <= DataAtOnceMax)
        {
            _answered.TrySetResult(answer);
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                static it => it.Answered.TrySetResult(it.Answer), (Answered: _answered, Answer: answer), preferLocal: false);
        }
    }

    /// <summary>Only when neither the reader nor the writer of the connection runs any more.</summary>
    public void Fail(ConnectionLostException failure)
    {
        lock (_lock)
        {
            _state = State.Over;
        }

        _answered.TrySetException(failure);
    }
}
