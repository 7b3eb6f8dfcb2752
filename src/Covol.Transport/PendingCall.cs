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
    private readonly Lock _lock = new();

    private readonly TaskCompletionSource<VolumeAnswer> _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);

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
            if (_cancelled)
            {
                _answered.TrySetCanceled();
            }
        }
    }

    /// <summary>The caller gives up. What happens to the request is not known, unless it was still queued.</summary>
    public void Cancel()
    {
        lock (_lock)
        {
            switch (_state)
            {
                case State.Queued:
                    _state = State.Over;
                    break;
                case State.Sent:
                    _cancelled = true;
                    _answered.TrySetCanceled();
                    return;
                default:
                    _cancelled = true;
                    return;
            }
        }

        leave(this);
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

            if (_cancelled)
            {
                _state = State.Over;
                _answered.TrySetCanceled();
                return null;
            }

            _state = State.Receiving;
            return answerData;
        }
    }

    public void Complete(VolumeAnswer answer)
    {
        lock (_lock)
        {
            _state = State.Over;
        }

        _answered.TrySetResult(answer);
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
