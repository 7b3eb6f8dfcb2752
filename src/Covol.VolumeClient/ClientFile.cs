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
    private readonly Lock _gate = new();
    private readonly Dictionary<HandleId, OpenFile> _handles = [];
    private readonly IMonotonicClock _clock;
    private LayoutSnapshot? _layout;
    private LayoutGeneration _recalled;
    private readonly List<LayoutSnapshot> _closing = [];
    private readonly HashSet<LayoutGeneration> _recalls = [];
    private int _fetching;
    private long _askAgainAt;
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

    /// <summary>Whether asking for a layout is due; then the caller asks, and ends with <see cref="Asked"/>.</summary>
    public bool TryBeginAsking() =>
        Volatile.Read(ref _fetching) == 0
        && _clock.Now.Nanoseconds >= Volatile.Read(ref _askAgainAt)
        && Interlocked.CompareExchange(ref _fetching, 1, 0) == 0;

    public void Asked(TimeSpan askAgainAfter)
    {
        Volatile.Write(ref _askAgainAt, (_clock.Now + askAgainAfter).Nanoseconds);
        Volatile.Write(ref _fetching, 0);
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

    /// <summary>Takes the layout off the data path. The result has to be drained and then given to <see cref="Drained"/>.</summary>
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

    /// <summary>I/O inside an unpublished layout has ended.</summary>
    public void Drained(LayoutSnapshot layout)
    {
        lock (_gate)
        {
            _closing.Remove(layout);
        }
    }

    /// <summary>
    /// A recall came: its generation, and any older one, is never published from now on. The result ends when no I/O inside them is
    /// in flight. Null: the same recall is being answered already.
    /// </summary>
    public Task? Recall(LayoutGeneration generation)
    {
        lock (_gate)
        {
            if (!_recalls.Add(generation))
            {
                return null;
            }

            if (generation.Value > _recalled.Value)
            {
                _recalled = generation;
            }

            if (_layout is { } layout && layout.Layout.Generation.Value <= generation.Value)
            {
                Unpublish();
            }

            var closing = _closing.FindAll(snapshot => snapshot.Layout.Generation.Value <= generation.Value);
            return DrainAsync(closing);
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

    /// <summary>What a new coordinator has to know of: also a layout whose I/O has not ended yet. Under the gate.</summary>
    public LayoutSnapshot? Reclaimable() => _layout ?? (_closing.Count > 0 ? _closing[^1] : null);

    private async Task DrainAsync(List<LayoutSnapshot> closing)
    {
        foreach (var snapshot in closing)
        {
            await snapshot.Drained.ConfigureAwait(false);
            Drained(snapshot);
        }
    }
}
