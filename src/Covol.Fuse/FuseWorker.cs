using System.Diagnostics.CodeAnalysis;
using Covol.Ring;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Covol.Fuse;

/// <summary>
/// One ring, its thread and its requests. One read is armed on the device; when it completes, further requests are drained by
/// plain reads. What they want of the LUN goes to the kernel in one submission, before any answer is written. All but
/// <see cref="Post"/> and <see cref="Stop"/> belong to the thread.
/// </summary>
[SuppressMessage("Design", "CA1001",
    Justification = "The thread gives ring and memory back itself, when nothing is in flight any more.")]
internal sealed partial class FuseWorker
{
    private const int SubmissionsMax = 1024;
    private const int CompletionsMax = 4096;
    private const int NoSlot = -1;

    /// <summary>
    /// Requests that are taken before what they caused is submitted, so that the first does not wait for the last and the LUN is not
    /// idle meanwhile. 4 KiB random I/O at depth 32, of raw: 0.65 with 32, 0.75 with 8, 0.70 with 4 (docs/PERFORMANCE.md).
    /// </summary>
    private const int DrainMax = 8;

    /// <summary>So many with the one that came first when the LUN has nothing to do: it begins at once, and the others follow.</summary>
    private const int DrainMaxOfIdle = 2;

    /// <summary>
    /// Bytes for the LUN after which what is there is submitted before a further request is taken: a large request takes as long to copy
    /// as the LUN takes to carry it out, so both go on at the same time. 1 MiB writes at depth 8: a fifth more; 64 KiB: a tenth.
    /// </summary>
    private const int SubmittedAtOnce = 64 << 10;

    /// <summary>
    /// With so many free slots nobody waits for one more: a slot that another thread has answered is taken back with the next request,
    /// without waking the ring's thread. More than are taken at once.
    /// </summary>
    private const int PlentyFree = 4 * DrainMax;

    private readonly SafeFileHandle _deviceHandle;
    private readonly int _device;
    private readonly IFuseHandler _handler;
    private readonly FuseOptions _options;
    private readonly ILogger _logger;
    private readonly TaskCompletionSource<FuseServerEnd> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly IoRing _ring;
    private readonly RingSignal _signal;
    private readonly NativeSlab _memory;
    private readonly FuseRequest[] _requests;
    private readonly nint _signalTarget;

    /// <summary>Free slots; the one used last is taken first, so that a quiet mount touches little memory.</summary>
    private readonly int[] _free;
    private readonly int _ioMax;
    private readonly Lock _signalGate = new();
    private bool _signalGone;
    private int _freeCount;
    private int _armedSlot = NoSlot;
    private bool _signalArmed;
    private bool _cancelSent;
    private bool _watchArmed;
    private bool _watchCancelSent;
    private volatile bool _ending;
    private bool _disconnectedTold;
    private FuseServerEnd _end;
    private FuseNegotiation? _negotiation;
    private int _blockingLocks;
    private int _threadId;
    private int _stopAsked;
    private int _signalled;

    /// <summary>Slot of the newest posted request plus one; 0: none.</summary>
    private int _postedHead;

    internal FuseWorker(
        SafeFileHandle device,
        IFuseHandler handler,
        FuseOptions options,
        ILogger logger,
        FuseNegotiation? negotiation)
    {
        _deviceHandle = device;
        _device = (int)device.DangerousGetHandle();
        _handler = handler;
        _options = options;
        _logger = logger;
        _negotiation = negotiation;
        _ioMax = CompletionsMax - options.RequestsMax - SlotLayout.SegmentsMax;
        _ring = new IoRing(SubmissionsMax, CompletionsMax);
        _signal = new RingSignal();
        _memory = NativeSlab.Map(((nuint)options.RequestsMax * SlotLayout.Stride) + SlotLayout.Page);
        _signalTarget = _memory.Address + (nint)((nuint)options.RequestsMax * SlotLayout.Stride);

        var registered = Register(options);
        _requests = new FuseRequest[options.RequestsMax];
        _free = new int[options.RequestsMax];
        _ioQueue = new int[options.RequestsMax];
        _answers = new int[options.RequestsMax];
        for (var slot = 0; slot < options.RequestsMax; slot++)
        {
            var memory = _memory.Address + (slot * (nint)SlotLayout.Stride);
            _requests[slot] = new FuseRequest(this, slot, memory, slot < registered);
            _free[options.RequestsMax - 1 - slot] = slot;
        }

        _freeCount = options.RequestsMax;
    }

    internal Task<FuseServerEnd> Completion => _completion.Task;

    internal bool IsCurrent => Environment.CurrentManagedThreadId == _threadId;

    internal static void CheckLimits(FuseOptions options)
    {
        const int requestsMin = 8;
        const int requestsMax = 2048;
        ArgumentOutOfRangeException.ThrowIfLessThan(options.RequestsMax, requestsMin);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.RequestsMax, requestsMax);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(options.BlockingLocksMax, options.RequestsMax);
        ArgumentOutOfRangeException.ThrowIfNegative(options.RegisteredMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BackgroundMax, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.BackgroundMax, ushort.MaxValue);
    }

    internal void Start()
    {
        var thread = new Thread(Run) { Name = _options.Name, IsBackground = true };
        thread.Start();
    }

    /// <summary>Any thread.</summary>
    internal void Stop()
    {
        lock (_signalGate)
        {
            // Without the signal there is no thread any more that would have to stop.
            if (!_signalGone && Interlocked.Exchange(ref _stopAsked, 1) == 0)
            {
                Wake();
            }
        }
    }

    /// <summary>
    /// Any thread: gives a request, answered or to be continued, back to the ring's thread. At most once at a time.
    /// </summary>
    internal void Post(FuseRequest request)
    {
        Push(request);
        Wake();
    }

    private void Push(FuseRequest request)
    {
        int head;
        do
        {
            head = Volatile.Read(ref _postedHead);
            request.NextPosted = head;
        }
        while (Interlocked.CompareExchange(ref _postedHead, request.Slot + 1, head) != head);
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref _signalled, 1) == 0)
        {
            _signal.Raise();
        }
    }

    private int Register(FuseOptions options)
    {
        var count = Math.Min(options.RegisteredMax, options.RequestsMax);
        if (count == 0)
        {
            return 0;
        }

        var length = (nuint)count * SlotLayout.Stride;
        _memory.PreferHugePages(length);
        if (_ring.TryRegisterBuffer(_memory.Address, length))
        {
            return count;
        }

        FuseLog.NothingRegistered(_logger, options.Name);
        return 0;
    }

    private void Run()
    {
        _threadId = Environment.CurrentManagedThreadId;
        try
        {
            if (_negotiation is not null)
            {
                TakeOver(_negotiation);
            }

            while (!IsFinished())
            {
                Arm();
                PumpIo();
                if (_answerCount > 0)
                {
                    // The LUN begins before the answers are copied to the programs. No waiting after it: places became free.
                    _ring.Submit(waitFor: 0);
                    WriteAnswers();
                }
                else
                {
                    _ring.Submit(_ring.HasCompletion ? 0 : 1);
                }

                _bytesToSubmit = 0;
                while (_ring.TryTake(out var completion))
                {
                    Complete(completion.Token, completion.Result);
                }

                TakePosted();
            }

            _ring.Dispose();
            _memory.Dispose();
            lock (_signalGate)
            {
                _signalGone = true;
                _signal.Dispose();
            }

            FuseLog.Ended(_logger, _options.Name, _end);
            _completion.SetResult(_end);
        }
        catch (Exception failure)
        {
            // The memory stays mapped: the kernel may still be moving data to it.
            FuseLog.Broken(_logger, failure, _options.Name);
            _handler.Failed(FuseOpcode.None, 0, failure);
            _completion.SetException(failure);
        }
        finally
        {
            GC.KeepAlive(_deviceHandle);
        }
    }

    private bool IsFinished()
    {
        if (Volatile.Read(ref _stopAsked) != 0 && !_ending)
        {
            _ending = true;
            _end = FuseServerEnd.Stopped;
        }

        if (!_ending || _freeCount < _requests.Length || _watchArmed)
        {
            return false;
        }

        // The last thing in flight is the read of the signal: it is completed by a signal.
        if (_signalArmed && Interlocked.Exchange(ref _signalled, 1) == 0)
        {
            _signal.Raise();
        }

        return !_signalArmed;
    }

    private void Arm()
    {
        if (!_signalArmed && (!_ending || _freeCount < _requests.Length || _watchArmed))
        {
            _signalArmed = true;
            _ring.Next().Read(_signal.Descriptor, _signalTarget, sizeof(ulong), 0, RingToken.For(RingToken.Kind.Signal, 0));
        }

        if (_ending)
        {
            if (_armedSlot != NoSlot && !_cancelSent)
            {
                _cancelSent = true;
                _ring.Next().Cancel(
                    RingToken.For(RingToken.Kind.Receive, _armedSlot),
                    RingToken.For(RingToken.Kind.Cancel, 0));
            }

            if (_watchArmed && !_watchCancelSent)
            {
                _watchCancelSent = true;
                _ring.Next().Cancel(RingToken.For(RingToken.Kind.Watch, 0), RingToken.For(RingToken.Kind.Cancel, 0));
            }

            return;
        }

        if (_freeCount == 0 && _armedSlot == NoSlot && !_watchArmed)
        {
            // No read is armed that would tell of the connection's end, and the end may be what the requests in here wait for. Only
            // then: a watch costs a look at the device for each request that comes.
            _watchArmed = true;
            _ring.Next().WatchForEnd(_device, RingToken.For(RingToken.Kind.Watch, 0));
        }

        if (_armedSlot == NoSlot && _freeCount > 0)
        {
            _armedSlot = _free[--_freeCount];
            var token = RingToken.For(RingToken.Kind.Receive, _armedSlot);
            _ring.Next().Read(_device, _requests[_armedSlot].ReceiveAddress, SlotLayout.ReceiveLength, 0, token);
        }
    }

    private void Complete(ulong value, int result)
    {
        var token = new RingToken(value);
        switch (token.What)
        {
            case RingToken.Kind.Receive:
                _armedSlot = NoSlot;
                _cancelSent = false;
                if (Received(token.Slot, result))
                {
                    Drain();
                }

                break;
            case RingToken.Kind.Io:
                IoCompleted(_requests[token.Slot], token.Segment, result);
                break;
            case RingToken.Kind.Signal:
                _signalArmed = false;
                Interlocked.Exchange(ref _signalled, 0);
                break;
            case RingToken.Kind.Watch:
                _watchArmed = false;
                _watchCancelSent = false;
                if (result > 0)
                {
                    // While requests are in flight only an abort ends a connection.
                    Disconnect(FuseServerEnd.Aborted);
                }

                break;
            case RingToken.Kind.Cancel:
                break;
            default:
                throw new FuseContractException($"The ring completed a submission with the unknown token {value:x}.");
        }
    }

    private void Drain()
    {
        // The one that came first has been dispatched, and may be all that is in flight.
        var most = _ioInFlight <= 1 ? DrainMaxOfIdle : DrainMax;
        for (var taken = 1; taken < most && _freeCount > 0 && !_ending; taken++)
        {
            SubmitLarge();
            var slot = _free[--_freeCount];
            if (!Received(slot, FuseDevice.Read(_device, _requests[slot].ReceiveAddress, SlotLayout.ReceiveLength)))
            {
                return;
            }
        }
    }

    /// <summary>True: it was a request, there may be more.</summary>
    private bool Received(int slot, int result)
    {
        if (result > 0)
        {
            Dispatch(_requests[slot], result);
            return true;
        }

        _free[_freeCount++] = slot;
        switch (-result)
        {
            case Interop.Libc.ENOENT:
                // The request was interrupted while it was being read.
                return true;
            case Interop.Libc.EAGAIN:
            case Interop.Libc.EINTR:
            case Interop.Libc.ECANCELED:
                return false;
            case Interop.Libc.ENODEV:
            case 0:
                Disconnect(FuseServerEnd.Unmounted);
                return false;
            case Interop.Libc.ECONNABORTED:
            case Interop.Libc.ENOTCONN:
                Disconnect(FuseServerEnd.Aborted);
                return false;
            default:
                throw new FuseException("Requests can no longer be read from the FUSE descriptor", -result);
        }
    }

    private void Disconnect(FuseServerEnd why)
    {
        if (!_ending)
        {
            _ending = true;
            _end = why;
        }

        TellDisconnected();
    }

    private void Release(FuseRequest request)
    {
        if (request.IsBlockingLock)
        {
            request.IsBlockingLock = false;
            _blockingLocks--;
        }

        request.Free();
        _free[_freeCount++] = request.Slot;
    }

    private void TakePosted()
    {
        var newest = Interlocked.Exchange(ref _postedHead, 0);

        // The list begins with the newest; the oldest has waited longest.
        var oldest = 0;
        while (newest != 0)
        {
            var request = _requests[newest - 1];
            var next = request.NextPosted;
            request.NextPosted = oldest;
            oldest = newest;
            newest = next;
        }

        while (oldest != 0)
        {
            var request = _requests[oldest - 1];
            oldest = request.NextPosted;
            if (request.TakeContinuation())
            {
                Continue(request);
            }
            else if (request.IsBlockingLock)
            {
                QueueAnswer(request);
            }
            else
            {
                Answered(request, request.Written);
            }
        }
    }
}
