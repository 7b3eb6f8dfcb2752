using System.Diagnostics.CodeAnalysis;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

/// <summary>
/// A file that is open on this node: its handles share its layout and its locks. The data path only reads the published
/// layout; everything else is under the file's own lock.
/// </summary>
internal sealed class ClientFile
{
    /// <summary>A file that grew by so much in one row goes on growing: large writes are few.</summary>
    private const long GrownEnough = 1 << 20;

    private readonly Lock _gate = new();
    private readonly Dictionary<HandleId, OpenFile> _handles = [];
    private readonly IMonotonicClock _clock;
    private LayoutSnapshot? _layout;
    private LayoutGeneration _recalled;

    // Taken off the data path, until their I/O has ended and the coordinator was told. At most one, as long as a layout is asked for only
    // when this is empty: the coordinator keeps one grant a file and session, and a newer one ends the older (I4).
    private readonly List<LayoutSnapshot> _closing = [];
    private readonly HashSet<LayoutGeneration> _recalls = [];
    private int _fetching;
    private long _askAgainAt;
    private long _askTailAgainAt;
    private int _widening;
    private long _askWiderAgainAt;
    private int _hasLostTail;

    // Redirected writes that each began where the last one ended, at the file's end: it will go on growing so.
    private long _grownTo = -1;
    private int _growths;
    private long _grown;
    private int _blockSize = 1;
    private TaskCompletionSource? _roomComing;
    private int _wroteDirectly;

    // Redirected writes, counted when they begin and when they end, and how many of these counts a fsync has covered. One at the
    // beginning: what was written before the file was opened here is not known.
    private long _redirects = 1;
    private long _redirectsCovered;
    private long _largestSize;
    private long _directBytes;
    private long _redirectedBytes;

    public ClientFile(FileId id, IMonotonicClock clock)
    {
        Id = id;
        _clock = clock;
    }

    public FileId Id { get; }

    /// <summary>Held over changes of handles, locks and the published layout; never over I/O or a request.</summary>
    public Lock Gate => _gate;

    /// <summary>Under the gate.</summary>
    public LockLedger Locks { get; } = new();

    /// <summary>Under the gate.</summary>
    public Dictionary<HandleId, OpenFile> Handles => _handles;

    public LayoutSnapshot? Layout => Volatile.Read(ref _layout);

    /// <summary>The largest size that was seen: a small file is not worth a layout. May be out of date.</summary>
    public ByteCount LargestSize => new(Volatile.Read(ref _largestSize));

    public long DirectBytes => Interlocked.Read(ref _directBytes);

    public long RedirectedBytes => Interlocked.Read(ref _redirectedBytes);

    /// <summary>The layout, pinned. Any thread; allocates nothing.</summary>
    public bool TryPin([NotNullWhen(true)] out LayoutSnapshot? pinned)
    {
        pinned = Volatile.Read(ref _layout);
        if (pinned is null || !pinned.TryPin())
        {
            pinned = null;
            return false;
        }

        return true;
    }

    public void SizeSeen(ByteCount size)
    {
        if (size.Value > Volatile.Read(ref _largestSize))
        {
            Volatile.Write(ref _largestSize, size.Value);
        }
    }

    public void CountDirect(int bytes) => Interlocked.Add(ref _directBytes, bytes);

    public void CountRedirected(int bytes) => Interlocked.Add(ref _redirectedBytes, bytes);

    /// <summary>A direct write has completed; said before its reply, so that no later look at the file misses it.</summary>
    public void WroteDirectly() => Volatile.Write(ref _wroteDirectly, 1);

    /// <summary>True once after direct writes: the caller tells the coordinator.</summary>
    public bool TakeWroteDirectly() => Volatile.Read(ref _wroteDirectly) != 0 && Interlocked.Exchange(ref _wroteDirectly, 0) != 0;

    /// <summary>A redirected write begins, or has ended; said before its reply.</summary>
    public void RedirectedWriteMoved() => Interlocked.Increment(ref _redirects);

    /// <summary>What a fsync that is sent from now on covers, for <see cref="Synchronized"/>.</summary>
    public long Redirects => Interlocked.Read(ref _redirects);

    /// <summary>The coordinator carried out a fsync.</summary>
    public void Synchronized(long redirects)
    {
        lock (_gate)
        {
            if (redirects > _redirectsCovered)
            {
                Volatile.Write(ref _redirectsCovered, redirects);
            }
        }
    }

    /// <summary>
    /// Whether nothing went through the coordinator since the last fsync there, and nothing is on its way. Any thread.
    /// </summary>
    public bool HasOnlyDirectWrites => Volatile.Read(ref _redirectsCovered) == Interlocked.Read(ref _redirects);

    /// <summary>
    /// A redirected write was answered. True: it is one of a row of at least <paramref name="least"/> that make the file longer one after the
    /// other, or that row is 1 MiB long, so room to go on writing by itself is worth asking for. Only whole blocks count: no others may be
    /// written there.
    /// </summary>
    public bool NoteGrowth(long start, long end, ByteCount size, bool append, int least, int blockSize)
    {
        lock (_gate)
        {
            _blockSize = blockSize;
            if (append || end != size.Value || ((start | end) & (blockSize - 1)) != 0)
            {
                _grownTo = -1;
                _growths = 0;
                _grown = 0;
                return false;
            }

            // A tail that was used up took the writes between.
            var goesOn = start == _grownTo || Grows(least);
            _growths = goesOn ? _growths + 1 : 1;
            _grown = (goesOn ? _grown : 0) + end - start;
            _grownTo = end;
            return Grows(least);
        }
    }

    /// <summary>The file grows write by write.</summary>
    public bool IsGrowing(int least)
    {
        lock (_gate)
        {
            return Grows(least);
        }
    }

    /// <summary>Room behind valid length is being asked for: writes there are worth waiting for it, until <see cref="EndRoom"/>.</summary>
    public TaskCompletionSource BeginRoom()
    {
        lock (_gate)
        {
            return _roomComing ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>It came, or is not waited for any more.</summary>
    public void EndRoom(TaskCompletionSource coming)
    {
        lock (_gate)
        {
            if (_roomComing == coming)
            {
                _roomComing = null;
            }
        }

        coming.TrySetResult();
    }

    /// <summary>Where room is on its way for such a write: ends when it came. Null: it has nothing to wait for.</summary>
    public Task? RoomComing(long offset, int length)
    {
        lock (_gate)
        {
            return _roomComing is { } coming && _grownTo >= 0 && offset >= _grownTo && ((offset | (long)length) & (_blockSize - 1)) == 0
                ? coming.Task
                : null;
        }
    }

    /// <summary>Whether asking for a layout is due; then the caller asks, and ends with <see cref="Asked"/>.</summary>
    /// <param name="withTail">For room to grow, which a layout without it does not put off.</param>
    public bool TryBeginAsking(bool withTail) =>
        Volatile.Read(ref _fetching) == 0
        && _clock.Now.Nanoseconds >= Volatile.Read(ref withTail ? ref _askTailAgainAt : ref _askAgainAt)
        && Interlocked.CompareExchange(ref _fetching, 1, 0) == 0;

    public void Asked(TimeSpan askAgainAfter, TimeSpan askTailAgainAfter)
    {
        Volatile.Write(ref _askAgainAt, (_clock.Now + askAgainAfter).Nanoseconds);
        Volatile.Write(ref _askTailAgainAt, (_clock.Now + askTailAgainAfter).Nanoseconds);
        Volatile.Write(ref _fetching, 0);
    }

    /// <summary>Whether asking for the places of filled holes is due; then the caller asks, and ends with <see cref="AskedWider"/>.</summary>
    public bool TryBeginAskingWider() =>
        Volatile.Read(ref _widening) == 0
        && _clock.Now.Nanoseconds >= Volatile.Read(ref _askWiderAgainAt)
        && Interlocked.CompareExchange(ref _widening, 1, 0) == 0;

    public void AskedWider(TimeSpan askAgainAfter)
    {
        Volatile.Write(ref _askWiderAgainAt, (_clock.Now + askAgainAfter).Nanoseconds);
        Volatile.Write(ref _widening, 0);
    }

    /// <summary>Read and write when a handle may write, else read. Null when nothing is open any more.</summary>
    public LayoutAccess? AccessWanted()
    {
        lock (_gate)
        {
            if (_handles.Count == 0)
            {
                return null;
            }

            return _handles.Values.Any(handle => (handle.Access & OpenAccess.Write) != 0) ? LayoutAccess.ReadWrite : LayoutAccess.Read;
        }
    }

    /// <summary>Publishes a grant, unless it was recalled before it was seen, or nobody has the file open any more.</summary>
    public bool TryPublish(LayoutSnapshot snapshot)
    {
        lock (_gate)
        {
            if (_handles.Count == 0 || snapshot.Layout.Generation.Value <= _recalled.Value || _layout is not null)
            {
                return false;
            }

            Volatile.Write(ref _layout, snapshot);
            return true;
        }
    }

    /// <summary>
    /// Takes the layout off the data path. Who gets it waits until its I/O has ended, gives it back, and says so with
    /// <see cref="Ended"/>.
    /// </summary>
    public LayoutSnapshot? Unpublish()
    {
        lock (_gate)
        {
            if (_layout is not { } layout)
            {
                return null;
            }

            Volatile.Write(ref _layout, null);
            _closing.Add(layout);
            layout.Close();
            return layout;
        }
    }

    /// <summary>I/O inside an unpublished layout has ended, and the coordinator knows.</summary>
    public void Ended(LayoutSnapshot layout)
    {
        lock (_gate)
        {
            _closing.Remove(layout);
        }

        layout.End();
    }

    /// <summary>Ends when this is so for all that is unpublished now: before that no other layout may be asked for.</summary>
    public Task UnpublishedEnded()
    {
        lock (_gate)
        {
            return Task.WhenAll(_closing.Select(layout => layout.Ended));
        }
    }

    /// <summary>Ends when no I/O is in flight inside a layout that is unpublished now, except those of <paramref name="kept"/>.</summary>
    public Task UnpublishedDrained(IReadOnlySet<LayoutGeneration> kept)
    {
        lock (_gate)
        {
            return Task.WhenAll(
                _closing.Where(layout => !kept.Contains(layout.Layout.Generation)).Select(layout => layout.Drained));
        }
    }

    /// <summary>
    /// A recall came: its generation, and any older one, is never published from now on. Every layout covers the whole file, so
    /// it is answered when no I/O inside any unpublished one is in flight. False: the same recall is being answered already.
    /// </summary>
    /// <param name="generation">What is recalled.</param>
    /// <param name="unpublished">What was taken off the data path for it, as by <see cref="Unpublish"/>.</param>
    public bool TryBeginRecall(LayoutGeneration generation, out LayoutSnapshot? unpublished)
    {
        unpublished = null;
        lock (_gate)
        {
            if (!_recalls.Add(generation))
            {
                return false;
            }

            if (generation.Value > _recalled.Value)
            {
                _recalled = generation;
            }

            if (_layout is { } layout && layout.Layout.Generation.Value <= generation.Value)
            {
                unpublished = Unpublish();
            }

            return true;
        }
    }

    /// <summary>The recall was answered; a further one of the same generation is answered again.</summary>
    public void RecallAnswered(LayoutGeneration generation)
    {
        lock (_gate)
        {
            _recalls.Remove(generation);
        }
    }

    /// <summary>Something that was acknowledged behind valid length will never be valid; said until the file's last close here.</summary>
    public bool HasLostTail => Volatile.Read(ref _hasLostTail) != 0;

    /// <summary>Whether anything may be there to tell.</summary>
    public bool HasAnyTail
    {
        get
        {
            lock (_gate)
            {
                return _layout?.Tail is not null || _closing.Exists(layout => layout.Tail is not null);
            }
        }
    }

    /// <summary>Something was written behind valid length that only this node knows of.</summary>
    public bool HasUntoldTail
    {
        get
        {
            lock (_gate)
            {
                return _layout?.Tail is { HasUntold: true } || _closing.Exists(layout => layout.Tail is { HasUntold: true });
            }
        }
    }

    /// <summary>
    /// The layout of this grant, with its tail: published, or taken off and not told for the last time yet. False: there is none, and if it
    /// still comes it is never published.
    /// </summary>
    public bool TryFindTail(LayoutGeneration generation, [NotNullWhen(true)] out LayoutSnapshot? layout)
    {
        lock (_gate)
        {
            layout = _layout is { Tail: not null } published && published.Layout.Generation == generation
                ? published
                : _closing.Find(closing => closing.Tail is not null && closing.Layout.Generation == generation);
            if (layout is null && generation.Value > _recalled.Value)
            {
                _recalled = generation;
            }

            return layout is not null;
        }
    }

    /// <summary>True: it held something, and this is the first time.</summary>
    public bool LoseTail(TailWrites tail) => tail.Lose() && Interlocked.Exchange(ref _hasLostTail, 1) == 0;

    public bool LoseTails()
    {
        lock (_gate)
        {
            var lost = _layout?.Tail is { } tail && LoseTail(tail);
            foreach (var closing in _closing)
            {
                lost |= closing.Tail is { } other && LoseTail(other);
            }

            return lost;
        }
    }

    /// <summary>What a new coordinator has to know of: also an unpublished layout whose I/O has not ended yet. Under the gate.</summary>
    public LayoutSnapshot? Reclaimable() => _layout ?? _closing.FindLast(layout => !layout.Drained.IsCompleted);

    /// <summary>Whether it has a layout of any kind. Under the gate.</summary>
    public bool HasAnyLayout => _layout is not null || _closing.Count > 0;

    /// <summary>Under the gate.</summary>
    private bool Grows(int least) => _growths >= least || _grown >= GrownEnough;
}
