using System.Runtime.InteropServices;
using Covol.Ring;

namespace Covol.Fuse;

public sealed unsafe partial class FuseRequest
{
    /// <summary>Bound of the tries of one request's I/O that the kernel answered with "again" or "interrupted".</summary>
    private const int RetriesMax = 64;

    private readonly Segment* _segments;
    private RingOperation _operation;
    private int _descriptor;
    private int _segmentCount;
    private int _segmentNext;
    private int _inFlight;
    private int _retries;
    private int _moved;
    private int _ioLength;
    private int _ioError;
    private bool _failAfterIo;

    /// <summary>
    /// Reads from a descriptor (opened O_DIRECT) to <see cref="Data"/>, on the ring's thread only. The descriptor stays open, and
    /// whatever allows the I/O stays held, until <see cref="IFuseHandler.IoCompleted"/>, before which the request is not
    /// answered.
    /// </summary>
    public void SubmitRead(int descriptor, ReadOnlySpan<RingSegment> segments) =>
        Start(IsRegistered ? RingOperation.ReadFixed : RingOperation.Read, descriptor, segments);

    /// <summary>Writes <see cref="Data"/> to a descriptor; see <see cref="SubmitRead"/>.</summary>
    public void SubmitWrite(int descriptor, ReadOnlySpan<RingSegment> segments) =>
        Start(IsRegistered ? RingOperation.WriteFixed : RingOperation.Write, descriptor, segments);

    /// <summary>
    /// Makes what completed on the descriptor before this call stable; see <see cref="SubmitRead"/>. The result is 0.
    /// </summary>
    public void SubmitFlush(int descriptor) => Start(RingOperation.Flush, descriptor, [default]);

    /// <summary>Whether the I/O that was submitted last is a flush.</summary>
    public bool WasFlush => _operation == RingOperation.Flush;

    /// <summary>Any thread: the ring's thread calls <see cref="IFuseHandler.Continued"/> with this request.</summary>
    public void ContinueOnRing()
    {
        var before = Interlocked.CompareExchange(ref _phase, (int)Phase.Continuing, (int)Phase.Handling);
        if (before != (int)Phase.Handling)
        {
            throw new FuseContractException($"{Opcode} {Unique} cannot continue: it is {(Phase)before}.");
        }

        _worker.Post(this);
    }

    /// <summary>True: it was posted to be continued, which it now is.</summary>
    internal bool TakeContinuation() =>
        Interlocked.CompareExchange(ref _phase, (int)Phase.Handling, (int)Phase.Continuing) == (int)Phase.Continuing;

    /// <summary>Bytes that its I/O is to move.</summary>
    internal int IoLength => _ioLength;

    internal bool HasUnsentSegments => _segmentNext < _segmentCount;

    /// <summary>Fills in the submission of the next segment.</summary>
    internal void Send(ref Submission submission)
    {
        Prepare(ref submission, _segmentNext);
        _segmentNext++;
        _inFlight++;
    }

    /// <summary>
    /// Takes a segment's result. Null: other segments are still under way. Else the request's result.
    /// <paramref name="again"/>: the segment is to be sent once more, by <see cref="Resend"/>.
    /// </summary>
    internal int? Completed(int segment, int result, out bool again)
    {
        again = false;
        if (_operation == RingOperation.Flush)
        {
            if (result < 0 && IsPassing(-result) && _retries++ < RetriesMax)
            {
                again = true;
                return null;
            }
        }
        else if (result > 0)
        {
            ref var part = ref _segments[segment];
            part.Done += result;
            _moved += result;
            if (part.Done < part.Length)
            {
                again = true;
                return null;
            }
        }
        else if (result < 0 && IsPassing(-result) && _retries++ < RetriesMax)
        {
            again = true;
            return null;
        }

        // Nothing moved without an error: the descriptor ends before the segment does, which no LUN may do inside a file.
        var isShort = result == 0 && _operation != RingOperation.Flush && _segments[segment].Length > 0;
        if ((result < 0 || isShort) && _ioError == 0)
        {
            _ioError = isShort ? FuseErrno.InputOutput : -result;

            // What was not sent yet is not sent any more.
            _segmentCount = _segmentNext;
        }

        _inFlight--;
        if (_inFlight > 0 || HasUnsentSegments)
        {
            return null;
        }

        _phase = (int)Phase.Handling;
        return _ioError != 0 ? -_ioError : _moved;
    }

    internal void Resend(ref Submission submission, int segment) => Prepare(ref submission, segment);

    /// <summary>
    /// True: the handler threw after it had started I/O, so the request gets EIO at its end, without the handler.
    /// </summary>
    internal bool MustFail => _failAfterIo;

    private static bool IsPassing(int errno) => errno is FuseErrno.TryAgain or FuseErrno.Interrupted;

    private void Start(RingOperation operation, int descriptor, ReadOnlySpan<RingSegment> segments)
    {
        if (!_worker.IsCurrent)
        {
            throw new FuseContractException(
                "I/O is submitted on the ring's thread only; another thread calls ContinueOnRing first.");
        }

        if (_phase != (int)Phase.Handling)
        {
            throw new FuseContractException($"{Opcode} {Unique} cannot start I/O: it is {(Phase)_phase}.");
        }

        if (segments.IsEmpty || segments.Length > SlotLayout.SegmentsMax)
        {
            throw new FuseContractException($"I/O of {segments.Length} segments; 1 to {SlotLayout.SegmentsMax} are possible.");
        }

        _ioLength = 0;
        for (var n = 0; n < segments.Length; n++)
        {
            ref readonly var segment = ref segments[n];
            var inside = segment is { DataOffset: >= 0, Length: >= 0, DescriptorOffset: >= 0 }
                && (long)segment.DataOffset + segment.Length <= SlotLayout.DataLength;
            if (!inside)
            {
                throw new FuseContractException(
                    $"Segment {n} ({segment}) of {Opcode} {Unique} lies outside the request's memory.");
            }

            _segments[n] = new Segment
            {
                DataOffset = segment.DataOffset,
                Length = segment.Length,
                DescriptorOffset = segment.DescriptorOffset,
            };
            _ioLength += segment.Length;
        }

        _operation = operation;
        _descriptor = descriptor;
        _segmentCount = segments.Length;
        _segmentNext = 0;
        _inFlight = 0;
        _retries = 0;
        _moved = 0;
        _ioError = 0;
        _failAfterIo = false;
        _phase = (int)Phase.Io;
        _worker.StartIo(this);
    }

    private void Prepare(ref Submission submission, int segment)
    {
        ref readonly var part = ref _segments[segment];
        var address = (nint)(_data + part.DataOffset + part.Done);
        var length = part.Length - part.Done;
        var offset = part.DescriptorOffset + part.Done;
        var token = RingToken.ForIo(Slot, segment);
        switch (_operation)
        {
            case RingOperation.ReadFixed:
                submission.ReadFixed(_descriptor, address, length, offset, token);
                break;
            case RingOperation.WriteFixed:
                submission.WriteFixed(_descriptor, address, length, offset, token);
                break;
            case RingOperation.Read:
                submission.Read(_descriptor, address, length, offset, token);
                break;
            case RingOperation.Write:
                submission.Write(_descriptor, address, length, offset, token);
                break;
            default:
                submission.Flush(_descriptor, token);
                break;
        }
    }

    /// <summary>A segment under way, in native memory so that many of them cost nothing until they are used.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Segment
    {
        public long DescriptorOffset;
        public int DataOffset;
        public int Length;
        public int Done;
    }
}
