using System.Runtime.CompilerServices;
using Covol.Fuse.Wire;

namespace Covol.Fuse;

internal sealed partial class FuseWorker
{
    /// <summary>Requests with segments that are not submitted yet, oldest first; a circle over the slots.</summary>
    private readonly int[] _ioQueue;
    private int _ioQueueHead;
    private int _ioQueueCount;
    private int _ioInFlight;

    /// <summary>Bytes that I/O begun since the last submission is to move.</summary>
    private long _bytesToSubmit;

    /// <summary>The request's segments go to the ring, in turn, as far as completions have room.</summary>
    internal void StartIo(FuseRequest request)
    {
        if (!request.IsQueuedForIo)
        {
            request.IsQueuedForIo = true;
            _ioQueue[(_ioQueueHead + _ioQueueCount) % _ioQueue.Length] = request.Slot;
            _ioQueueCount++;
        }

        _bytesToSubmit += request.IoLength;
        PumpIo();
    }

    private void SubmitLarge()
    {
        if (_bytesToSubmit >= SubmittedAtOnce)
        {
            _bytesToSubmit = 0;
            _ring.Submit(waitFor: 0);
        }
    }

    private void PumpIo()
    {
        while (_ioQueueCount > 0)
        {
            var request = _requests[_ioQueue[_ioQueueHead]];
            while (request.HasUnsentSegments)
            {
                if (_ioInFlight >= _ioMax)
                {
                    return;
                }

                _ioInFlight++;
                request.Send(ref _ring.Next());
            }

            request.IsQueuedForIo = false;
            _ioQueueHead = (_ioQueueHead + 1) % _ioQueue.Length;
            _ioQueueCount--;
        }
    }

    private void IoCompleted(FuseRequest request, int segment, int moved)
    {
        var result = request.Completed(segment, moved, out var again);
        if (again)
        {
            request.Resend(ref _ring.Next(), segment);
            return;
        }

        _ioInFlight--;
        if (result is null)
        {
            return;
        }

        if (request.MustFail)
        {
            request.ReplyError(FuseErrno.InputOutput);
            return;
        }

        try
        {
            _handler.IoCompleted(request, result.Value);
        }
        catch (Exception failure)
        {
            Failed(request, failure);
        }
    }

    private void Continue(FuseRequest request)
    {
        try
        {
            _handler.Continued(request);
        }
        catch (Exception failure)
        {
            Failed(request, failure);
        }
    }

    private void Dispatch(FuseRequest request, int length)
    {
        if (request.Parse(length) is { } problem)
        {
            FuseLog.Malformed(_logger, _options.Name, problem);
            Refuse(request, length);
            return;
        }

        switch (request.Opcode)
        {
            case FuseOpcode.Initialize:
                Negotiate(request, length);
                break;
            case FuseOpcode.Forget or FuseOpcode.BatchForget or FuseOpcode.Interrupt:
                Notify(request);
                Release(request);
                break;
            case FuseOpcode.Destroy:
                TellDisconnected();
                request.ReplyOk();
                break;
            default:
                Hand(request);
                break;
        }
    }

    private void Hand(FuseRequest request)
    {
        if (request.Opcode == FuseOpcode.SetLockWait)
        {
            request.IsBlockingLock = true;
            if (++_blockingLocks > _options.BlockingLocksMax)
            {
                request.ReplyError(FuseErrno.NoLocks);
                return;
            }
        }

        if (_negotiation is null)
        {
            request.ReplyError(FuseErrno.InputOutput);
            return;
        }

        if (!IsKnown(request.Opcode))
        {
            request.ReplyError(FuseErrno.NotImplemented);
            return;
        }

        try
        {
            _handler.Handle(request);
        }
        catch (Exception failure)
        {
            Failed(request, failure);
        }
    }

    private static bool IsKnown(FuseOpcode opcode) => opcode switch
    {
        FuseOpcode.BlockMap or FuseOpcode.Poll or FuseOpcode.NotifyReply => false,
        >= FuseOpcode.Lookup and <= FuseOpcode.CopyFileRange => true,
        >= FuseOpcode.SyncFileSystem and <= FuseOpcode.ExtendedStatus => true,
        _ => false,
    };

    private unsafe void Notify(FuseRequest request)
    {
        var body = (byte*)request.ReceiveAddress + sizeof(RequestHeader);
        try
        {
            switch (request.Opcode)
            {
                case FuseOpcode.Interrupt:
                    _handler.Interrupted(Unsafe.ReadUnaligned<ulong>(body));
                    break;
                case FuseOpcode.Forget:
                    _handler.Forgotten(request.Node, Unsafe.ReadUnaligned<ulong>(body));
                    break;
                default:
                    ForgetMany(request, body);
                    break;
            }
        }
        catch (Exception failure)
        {
            ReportFailure(request.Opcode, request.Unique, failure);
        }
    }

    private unsafe void ForgetMany(FuseRequest request, byte* body)
    {
        const int head = 8;
        const int each = 16;
        var count = Unsafe.ReadUnaligned<uint>(body);
        if (count > (uint)request.TailLength / each)
        {
            FuseLog.Malformed(_logger, _options.Name, $"A BATCH_FORGET of {count} nodes has {request.TailLength} bytes.");
            return;
        }

        for (var n = 0u; n < count; n++)
        {
            var one = body + head + (n * each);
            _handler.Forgotten(Unsafe.ReadUnaligned<ulong>(one), Unsafe.ReadUnaligned<ulong>(one + sizeof(ulong)));
        }
    }

    private void TellDisconnected()
    {
        if (_disconnectedTold)
        {
            return;
        }

        _disconnectedTold = true;
        try
        {
            _handler.Disconnected();
        }
        catch (Exception failure)
        {
            ReportFailure(FuseOpcode.Destroy, 0, failure);
        }
    }

    private void Failed(FuseRequest request, Exception failure)
    {
        ReportFailure(request.Opcode, request.Unique, failure);
        request.Fail();
    }

    private void ReportFailure(FuseOpcode opcode, ulong unique, Exception failure)
    {
        FuseLog.HandlerFailed(_logger, failure, _options.Name, opcode, unique);
        _handler.Failed(opcode, unique, failure);
    }

    /// <summary>Answers what could not be read, as far as its number is known.</summary>
    private void Refuse(FuseRequest request, int length)
    {
        if (length >= Unsafe.SizeOf<RequestHeader>() && request.Stage == FuseRequest.Phase.Handling)
        {
            request.ReplyError(FuseErrno.InputOutput);
        }
        else
        {
            Release(request);
        }
    }
}
