using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Covol.Ring;

/// <summary>
/// One io_uring. It belongs to one thread: nothing here is safe to call from a second one. Submissions and completions
/// allocate nothing. The owner bounds what is in flight by <see cref="CompletionsMax"/>, so completions never overflow.
/// </summary>
public sealed unsafe class IoRing : IDisposable
{
    private readonly SafeFileHandle _ring;
    private readonly int _descriptor;
    private readonly uint _submissionsMax;
    private readonly uint _completionsMask;
    private readonly uint _submissionsMask;
    private nint _queues;
    private nuint _queuesLength;
    private Submission* _submissions;
    private uint* _submissionHead;
    private uint* _submissionTail;
    private uint* _submissionFlags;
    private uint* _completionHead;
    private uint* _completionTail;
    private Completion* _completions;
    private uint _filled;
    private bool _disposed;

    /// <summary>Both sizes are powers of two. Failure is a <see cref="RingException"/>.</summary>
    public IoRing(int submissions, int completions)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(submissions, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(completions, submissions);

        // Measured: cooperative task running did as well as or better than deferring it. Kernels before 5.19 do not know it.
        const uint always = Interop.IoUring.IORING_SETUP_CQSIZE | Interop.IoUring.IORING_SETUP_SUBMIT_ALL;
        const uint cooperative = Interop.IoUring.IORING_SETUP_COOP_TASKRUN | Interop.IoUring.IORING_SETUP_TASKRUN_FLAG;
        if (!TrySetUp(submissions, completions, always | cooperative, out var ring, out var given)
            && !TrySetUp(submissions, completions, always, out ring, out given))
        {
            var errno = Marshal.GetLastPInvokeError();
            throw new RingException(
                "The kernel gave no io_uring; check sysctl kernel.io_uring_disabled and the memory limits.", errno);
        }

        _ring = ring;
        _descriptor = (int)ring.DangerousGetHandle();
        const uint needed = Interop.IoUring.IORING_FEAT_SINGLE_MMAP | Interop.IoUring.IORING_FEAT_NODROP;
        if ((given.Features & needed) != needed)
        {
            ring.Dispose();
            throw new RingException("This kernel's io_uring is too old; Linux 5.18 or newer is needed.");
        }

        _submissionsMax = given.SubmissionEntries;
        CompletionsMax = (int)given.CompletionEntries;
        MapQueues(given);
        _submissionsMask = *At(given.Submission.Mask);
        _completionsMask = *At(given.Completion.Mask);
    }

    /// <summary>Bound of what may be in flight at a time.</summary>
    public int CompletionsMax { get; }

    /// <summary>
    /// The next submission to fill in. When the queue is full, what is in it goes to the kernel first. The reference is valid
    /// until the next call of the ring.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref Submission Next()
    {
        // A signal may interrupt the hand-over; the room is made by then or by the next try.
        while (_filled - Volatile.Read(ref *_submissionHead) >= _submissionsMax)
        {
            Submit(waitFor: 0);
        }

        return ref _submissions[_filled++ & _submissionsMask];
    }

    /// <summary>
    /// Hands what was filled in to the kernel and waits for <paramref name="waitFor"/> completions (0: does not wait). It may
    /// return with fewer, after a signal.
    /// </summary>
    public void Submit(int waitFor)
    {
        Volatile.Write(ref *_submissionTail, _filled);
        while (true)
        {
            var waiting = _filled - Volatile.Read(ref *_submissionHead);
            var flags = waitFor > 0 ? Interop.IoUring.IORING_ENTER_GETEVENTS : 0;
            if (waiting == 0 && waitFor == 0)
            {
                return;
            }

            if (Interop.IoUring.Enter(_descriptor, waiting, (uint)waitFor, flags) >= 0)
            {
                if (Volatile.Read(ref *_submissionHead) == _filled)
                {
                    return;
                }

                continue;
            }

            var errno = Marshal.GetLastPInvokeError();
            if (errno == Interop.Libc.EINTR)
            {
                return;
            }

            if (errno is not (Interop.Libc.EAGAIN or Interop.Libc.EBUSY))
            {
                throw new RingException("The kernel refused submissions.", errno);
            }

            // Short of memory or of room: there are completions to take first. Waiting is bounded by what is in flight.
            if (HasCompletion)
            {
                return;
            }
        }
    }

    /// <summary>True when a completion can be taken without a system call.</summary>
    public bool HasCompletion
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => *_completionHead != Volatile.Read(ref *_completionTail);
    }

    /// <summary>True when the next <see cref="Submit"/> would not wait: a completion is there, or is finished by entering the kernel.</summary>
    public bool IsReady
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => HasCompletion || (Volatile.Read(ref *_submissionFlags) & Interop.IoUring.IORING_SQ_TASKRUN) != 0;
    }

    /// <summary>Takes the oldest completion.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTake(out Completion completion)
    {
        var head = *_completionHead;
        if (head == Volatile.Read(ref *_completionTail))
        {
            completion = default;
            return false;
        }

        completion = _completions[head & _completionsMask];
        Volatile.Write(ref *_completionHead, head + 1);
        return true;
    }

    /// <summary>
    /// Registers memory as buffer 0 for the fixed operations; the kernel then keeps all of it in memory. False: it may not
    /// (memory limit), and the plain operations are to be used.
    /// </summary>
    public bool TryRegisterBuffer(nint address, nuint length)
    {
        var buffer = new Interop.IoUring.Buffer { Address = address, Length = length };
        return Interop.IoUring.Register(_descriptor, Interop.IoUring.IORING_REGISTER_BUFFERS, &buffer, 1) == 0;
    }

    /// <summary>
    /// Only when nothing is in flight: the kernel goes on writing to memory of operations that have not completed.
    /// </summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        Interop.Libc.Unmap(_queues, _queuesLength);
        Interop.Libc.Unmap((nint)_submissions, _submissionsMax * (nuint)sizeof(Submission));
        _ring.Dispose();
    }

    private static bool TrySetUp(
        int submissions,
        int completions,
        uint flags,
        [NotNullWhen(true)] out SafeFileHandle? ring,
        out Interop.IoUring.Parameters given)
    {
        Interop.IoUring.Parameters parameters = default;
        parameters.Flags = flags;
        parameters.CompletionEntries = (uint)completions;
        var descriptor = Interop.IoUring.Setup((uint)submissions, &parameters);
        given = parameters;
        ring = descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
        return ring is not null;
    }

    private void MapQueues(in Interop.IoUring.Parameters given)
    {
        var submissionsEnd = given.Submission.Array + (given.SubmissionEntries * sizeof(uint));
        var completionsEnd = given.Completion.Completions + (given.CompletionEntries * (uint)sizeof(Completion));
        _queuesLength = Math.Max(submissionsEnd, completionsEnd);
        _queues = MapPart(_queuesLength, Interop.IoUring.IORING_OFF_SQ_RING);
        _submissions = (Submission*)MapPart(_submissionsMax * (nuint)sizeof(Submission), Interop.IoUring.IORING_OFF_SQES);
        _submissionHead = At(given.Submission.Head);
        _submissionTail = At(given.Submission.Tail);
        _submissionFlags = At(given.Submission.Flags);
        _completionHead = At(given.Completion.Head);
        _completionTail = At(given.Completion.Tail);
        _completions = (Completion*)At(given.Completion.Completions);

        // Entry n of the index is always submission n, so the index is written once.
        var index = At(given.Submission.Array);
        for (uint n = 0; n < given.SubmissionEntries; n++)
        {
            index[n] = n;
        }
    }

    private nint MapPart(nuint length, long offset)
    {
        const int protection = Interop.Libc.PROT_READ | Interop.Libc.PROT_WRITE;
        const int flags = Interop.Libc.MAP_SHARED | Interop.Libc.MAP_POPULATE;
        var address = Interop.Libc.Map(0, length, protection, flags, _descriptor, offset);
        if (address == Interop.Libc.MAP_FAILED)
        {
            var errno = Marshal.GetLastPInvokeError();
            _ring.Dispose();
            throw new RingException("The queues of an io_uring could not be mapped.", errno);
        }

        return address;
    }

    private uint* At(uint offset) => (uint*)(_queues + (nint)offset);
}
