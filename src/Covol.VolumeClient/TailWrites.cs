using Covol.Protocol;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;

namespace Covol.VolumeClient;

/// <summary>
/// What this node wrote behind a file's valid length, inside the tail of its layout, and the coordinator does not know yet (SAFETY 13).
/// </summary>
/// <remarks>
/// <para>
/// A write is noted when it has ended and before it is answered. Telling stops the tail first: no write begins, those in flight end,
/// and what is noted then is all there is. So the coordinator may make what lies between the ranges zero: nothing lands there meanwhile.
/// </para>
/// <para>
/// Any thread. The data path takes this object's lock for writes behind valid length only, which the kernel sends one at a time for
/// a file that grows, and allocates nothing.
/// </para>
/// </remarks>
internal sealed class TailWrites
{
    /// <summary>Ranges that do not touch. More at one time go through the coordinator, which ends the tail.</summary>
    public const int RangesMax = 128;

    private readonly Lock _gate = new();
    private readonly long[] _starts = new long[RangesMax + 1];
    private readonly long[] _ends = new long[RangesMax + 1];
    private readonly int _blockSize;
    private long _end;

    // A write that ends behind this makes more room be asked for.
    private long _lowFrom;
    private bool _hasAskedForMore;
    private long _valid;
    private int _count;
    private int _inFlight;
    private bool _isStopped;
    private bool _isLost;
    private bool _takesNoMore;
    private bool _hasWritten;
    private int _quiet;
    private bool _isAnswering;
    private long _asked;
    private long _readable;
    private TaskCompletionSource? _idle;
    private TaskCompletionSource _goesOn = NewSignal();

    public TailWrites(Layout layout, int blockSize)
    {
        _valid = layout.ValidLength.Value;
        _readable = _valid;
        _end = layout.TailEnd.Value & -(long)blockSize;
        _lowFrom = _valid + ((_end - _valid) / 2);
        _blockSize = blockSize;
    }

    /// <summary>Queued once when half of the room is used; set before the layout is published.</summary>
    public IThreadPoolWorkItem? WhenLow { get; set; }

    /// <summary>One after the other: who tells.</summary>
    public SemaphoreSlim Turn { get; } = new(1);

    /// <summary>Told for the last time; there is nothing to tell any more. In the turn.</summary>
    public bool IsOver { get; set; }

    /// <summary>Up to here everything is valid or was written by this node, without a gap. Any thread, no lock.</summary>
    public long Readable => Volatile.Read(ref _readable);

    /// <summary>What was acknowledged here will never be valid.</summary>
    public bool IsLost
    {
        get
        {
            lock (_gate)
            {
                return _isLost;
            }
        }
    }

    /// <summary>Every write that has ended is known to the coordinator, stable.</summary>
    public bool IsAllTold
    {
        get
        {
            lock (_gate)
            {
                return _count == 0 && !_isLost;
            }
        }
    }

    /// <summary>Something was written that the coordinator does not know of, and that is not lost.</summary>
    public bool HasUntold
    {
        get
        {
            lock (_gate)
            {
                return _count > 0;
            }
        }
    }

    /// <summary>A write of whole blocks that ends behind the grant's valid length begins. False: through the coordinator.</summary>
    public bool TryBegin(long offset, int length)
    {
        bool isLow;
        lock (_gate)
        {
            // The block that valid length ends in holds valid bytes and is the coordinator's (SAFETY 10).
            if (_isStopped || _takesNoMore || offset > _end - length || _count + _inFlight >= RangesMax
                || (offset < Up(_valid) && Up(_valid) != _valid))
            {
                return false;
            }

            _inFlight++;
            isLow = !_hasAskedForMore && offset + length > _lowFrom && WhenLow is not null;
            _hasAskedForMore |= isLow;
        }

        if (isLow)
        {
            ThreadPool.UnsafeQueueUserWorkItem(WhenLow!, preferLocal: false);
        }

        return true;
    }

    /// <summary>There is more room. More may be asked for when half of that is used.</summary>
    public void Extend(FileByteOffset end)
    {
        lock (_gate)
        {
            var before = _end;
            _end = Math.Max(_end, end.Value & -(long)_blockSize);
            _lowFrom = before + ((_end - before) / 2);
            _hasAskedForMore = false;
        }
    }

    /// <summary>How much lies between what the coordinator knows to be valid and the last write, in bytes.</summary>
    public long Untold
    {
        get
        {
            lock (_gate)
            {
                return _count == 0 ? 0 : _ends[_count - 1] - _valid;
            }
        }
    }

    /// <summary>It has ended, and is not answered yet. One that failed may have written anything: it does not count.</summary>
    public void Ended(long offset, int length, bool succeeded)
    {
        TaskCompletionSource? idle = null;
        lock (_gate)
        {
            if (succeeded && !_isLost)
            {
                Add(Math.Max(offset, _valid), offset + length);
                _hasWritten = true;
            }

            if (--_inFlight == 0)
            {
                idle = _idle;
                _idle = null;
            }
        }

        idle?.TrySetResult();
    }

    /// <summary>
    /// Where a write there was refused because the tail is just being told: ends when it goes on. Null: it was refused for another reason.
    /// </summary>
    public Task? Pause(long offset, int length)
    {
        lock (_gate)
        {
            return _isStopped && !_takesNoMore && offset <= _end - length ? _goesOn.Task : null;
        }
    }

    /// <summary>No write begins from now on; ends when none is in flight. In the turn, until <see cref="GoOn"/>.</summary>
    public Task StopAsync()
    {
        lock (_gate)
        {
            _isStopped = true;
            return _inFlight == 0 ? Task.CompletedTask : (_idle ??= NewSignal()).Task;
        }
    }

    /// <summary>What there is to tell.</summary>
    public WrittenRange[] Written()
    {
        lock (_gate)
        {
            Invariant.Holds(_isStopped && _inFlight == 0, "What a tail holds was told while it was written.");
            var written = new WrittenRange[_count];
            for (var index = 0; index < _count; index++)
            {
                written[index] = new WrittenRange(new FileByteOffset(_starts[index]), new FileByteOffset(_ends[index]));
            }

            return written;
        }
    }

    /// <summary>All of it is valid now, and stable.</summary>
    public void Told()
    {
        lock (_gate)
        {
            if (_count > 0)
            {
                _valid = _ends[_count - 1];
                _count = 0;
            }

            Volatile.Write(ref _readable, _valid);
        }
    }

    public void GoOn()
    {
        TaskCompletionSource paused;
        lock (_gate)
        {
            _isStopped = false;
            paused = _goesOn;
            _goesOn = NewSignal();
        }

        paused.TrySetResult();
    }

    /// <summary>
    /// What it holds will never be valid. True: there was something. No write begins any more: one whose layout was pinned just before would
    /// be answered, and nobody would ever be told of it, nor that it is lost.
    /// </summary>
    public bool Lose()
    {
        lock (_gate)
        {
            _takesNoMore = true;
            var hadAny = _count > 0 || _inFlight > 0;
            _isLost |= hadAny;
            _count = 0;
            Volatile.Write(ref _readable, _valid);
            return hadAny;
        }
    }

    /// <summary>
    /// The coordinator asks under a ticket. True: the caller answers, with <see cref="NextAsked"/> until that has none; else somebody does.
    /// </summary>
    public bool TryBeginAnswers(long ticket)
    {
        lock (_gate)
        {
            _asked = Math.Max(_asked, ticket);
            return !_isAnswering && (_isAnswering = true);
        }
    }

    /// <summary>The newest ticket, when it is newer than the one answered last; null: the answers are over.</summary>
    public long? NextAsked(long answered)
    {
        lock (_gate)
        {
            _isAnswering = _asked > answered;
            return _isAnswering ? _asked : null;
        }
    }

    /// <summary>Counts how often this was asked since the last write.</summary>
    public int CountQuiet()
    {
        lock (_gate)
        {
            _quiet = _hasWritten || _inFlight > 0 ? 0 : _quiet + 1;
            _hasWritten = false;
            return _quiet;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private long Up(long position) => (position + _blockSize - 1) & -(long)_blockSize;

    /// <summary>Under the gate. Joins what touches; there is room, as each write in flight has kept a place.</summary>
    private void Add(long start, long end)
    {
        if (start >= end)
        {
            return;
        }

        var first = 0;
        while (first < _count && _ends[first] < start)
        {
            first++;
        }

        var next = first;
        while (next < _count && _starts[next] <= end)
        {
            start = Math.Min(start, _starts[next]);
            end = Math.Max(end, _ends[next]);
            next++;
        }

        // [first, next) become one.
        Array.Copy(_starts, next, _starts, first + 1, _count - next);
        Array.Copy(_ends, next, _ends, first + 1, _count - next);
        _count += 1 - (next - first);
        _starts[first] = start;
        _ends[first] = end;
        if (_starts[0] <= _valid)
        {
            Volatile.Write(ref _readable, _ends[0]);
        }
    }
}
