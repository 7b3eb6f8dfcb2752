namespace Covol.Fuse;

internal sealed partial class FuseWorker
{
    /// <summary>
    /// Bytes of answers, and what else one costs in bytes, after which the ring is looked at: eight answers of 4 KiB, one of 64 KiB. 64 KiB
    /// random reads at depth 8: a fifth more than with all answers in one row (docs/PERFORMANCE.md).
    /// </summary>
    private const int AnsweredAtOnce = 64 << 10;
    private const int AnswerCost = 4 << 10;

    /// <summary>Requests whose answers are to be written, oldest first; a circle over the slots.</summary>
    private readonly int[] _answers;
    private int _answersHead;
    private int _answerCount;

    /// <summary>
    /// On the ring's thread the answer leaves when what the LUN is to do has left. On any other it is written at once, which spares the
    /// program that waits for it the way over the ring's thread.
    /// </summary>
    internal void Answer(FuseRequest request)
    {
        if (IsCurrent)
        {
            QueueAnswer(request);
            return;
        }

        if (request.IsBlockingLock)
        {
            // Whoever got the answer may ask for the next lock, and the place of this one has to be free then.
            Post(request);
            return;
        }

        var (address, length) = request.Answer;
        request.Written = FuseDevice.Write(_device, address, length);
        Push(request);

        // After it was pushed: a thread that is about to end sees the request, or is seen to end here.
        if (_ending || Volatile.Read(ref _stopAsked) != 0 || Volatile.Read(ref _freeCount) < PlentyFree)
        {
            lock (_signalGate)
            {
                if (!_signalGone)
                {
                    Wake();
                }
            }
        }
    }

    private void QueueAnswer(FuseRequest request)
    {
        _answers[(_answersHead + _answerCount) % _answers.Length] = request.Slot;
        _answerCount++;
    }

    /// <summary>
    /// As many as do not keep the ring waiting: on the way to the last of many answers the first program has sent its next request, and
    /// the LUN may have nothing to do.
    /// </summary>
    private void WriteAnswers()
    {
        var left = AnsweredAtOnce;
        do
        {
            var request = _requests[_answers[_answersHead]];
            _answersHead = (_answersHead + 1) % _answers.Length;
            _answerCount--;
            var (address, length) = request.Answer;
            Answered(request, FuseDevice.Write(_device, address, length));
            left -= length + AnswerCost;
        }
        while (_answerCount > 0 && (left > 0 || !_ring.IsReady));
    }

    private void Answered(FuseRequest request, int result)
    {
        // ENOENT: the kernel gave the request up (interrupted before it was taken, or aborted). ENODEV: unmounted meanwhile.
        if (result < 0 && -result is not (Interop.Libc.ENOENT or Interop.Libc.ENODEV or Interop.Libc.ECONNABORTED))
        {
            FuseLog.AnswerRefused(_logger, _options.Name, request.Opcode, request.Unique, -result);
        }

        Release(request);
    }
}
