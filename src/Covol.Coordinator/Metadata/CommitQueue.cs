using Covol.Ntfs;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Coordinator.Metadata;

/// <summary>
/// Hands operations to the metadata thread in groups: all that wait are carried out, then one commit makes them stable with their
/// slots' answers, then their results go out. A read's result leaves at once, unless it may have seen what is not stable yet.
/// </summary>
internal sealed class CommitQueue
{
    /// <summary>Operations of one group, so that their answers leave before long.</summary>
    public const int GroupMax = 128;

    /// <summary>
    /// A group ends when its changes fill this share of the journal's ring: its record has to fit the ring, and how much one operation
    /// changes depends on the volume's size (a step of a large deletion rewrites hundreds of bitmap pages). What is left is room for
    /// the last operation; the engine bounds each one below half a ring.
    /// </summary>
    private const double GroupEndsAt = 0.25;

    /// <summary>A lap of the journal is ended when this share of it is used and little is left to be put in its place...</summary>
    private const double CheckpointAt = 0.5;

    /// <summary>...or this share is used, whatever is left: the next group has to fit.</summary>
    private const double CheckpointAtLatest = 0.7;

    private readonly Lock _gate = new();
    private readonly Queue<Operation> _waiting = new();
    private readonly MetadataThread _thread;
    private readonly INtfsVolume _volume;
    private readonly DurableState _state;
    private readonly Action<Exception> _failed;
    private readonly List<Operation> _uncommitted = [];
    private readonly List<StateChange> _changes = [];
    private readonly MetadataContext _context;
    private bool _draining;
    private bool _isClosed;
    private bool _dirty;

    /// <summary>On the metadata thread or before it has anything to do.</summary>
    public CommitQueue(
        MetadataThread thread, INtfsVolume volume, DurableState state, IEnumerable<FileId> orphans, Action<Exception> failed)
    {
        _thread = thread;
        _volume = volume;
        _state = state;
        _failed = failed;
        _context = new MetadataContext(this, volume, orphans);
    }

    /// <summary>
    /// An operation that changes nothing. Any thread. Ends with what it gave or with its <see cref="VolumeException"/>.
    /// </summary>
    public Task<T> ReadAsync<T>(Func<MetadataContext, T> read) => Enqueue(read, changes: false);

    /// <summary>
    /// An operation that may change something; its result comes after the commit. Where it throws, what it changed before stays, without the
    /// changes of the coordinator's state that it noted.
    /// </summary>
    public Task<T> ChangeAsync<T>(Func<MetadataContext, T> change) => Enqueue(change, changes: true);

    /// <summary>
    /// On the metadata thread, between operations: everything carried out so far becomes stable and its results go out.
    /// </summary>
    public void CommitGroup()
    {
        _thread.AssertCurrent();
        if (_dirty)
        {
            foreach (var change in _changes)
            {
                _state.Apply(change);
            }

            _volume.Commit(_state.EncodeChanges(_changes));
            _changes.Clear();
            _dirty = false;
        }

        foreach (var operation in _uncommitted)
        {
            operation.Complete();
        }

        _uncommitted.Clear();
    }

    /// <summary>On the metadata thread: a change that follows fits the journal together with what is uncommitted.</summary>
    public void MakeRoom()
    {
        if (!_volume.HasRoomForChange)
        {
            // Also what the operation that runs right now has changed so far, which nobody has noted yet.
            _dirty = true;
            CommitGroup();
        }
    }

    /// <summary>On the metadata thread, with nothing uncommitted.</summary>
    public void Checkpoint() => _volume.Checkpoint(_state.Encode());

    /// <summary>Operations from now on never end: the volume belongs to nobody here any more.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            _waiting.Clear();
        }
    }

    private Task<T> Enqueue<T>(Func<MetadataContext, T> run, bool changes)
    {
        var operation = new Operation<T>(run, changes);
        bool start;
        lock (_gate)
        {
            if (_isClosed)
            {
                return operation.Task;
            }

            _waiting.Enqueue(operation);
            start = !_draining;
            _draining = true;
        }

        if (start)
        {
            // The drain hands every failure to the owner by itself, so its task has nothing to tell.
            _thread.RunAsync(Drain);
        }

        return operation.Task;
    }

    private void Drain()
    {
        try
        {
            while (true)
            {
                var count = 0;
                var useBefore = _volume.JournalUse;
                while (count < GroupMax && _volume.JournalUse - useBefore < GroupEndsAt && TryNext(out var operation))
                {
                    Run(operation);
                    count++;
                }

                CommitGroup();
                var isMuchLeft = _volume.WriteBackStep();
                if (_volume.JournalUse > (isMuchLeft ? CheckpointAtLatest : CheckpointAt))
                {
                    Checkpoint();
                }

                lock (_gate)
                {
                    if (_waiting.Count == 0)
                    {
                        _draining = false;
                        return;
                    }
                }
            }
        }
#pragma warning disable CA1031 // The overlay is not to be trusted any more; nothing uncommitted is answered and the process ends.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Close();
            _failed(failure);
        }
    }

    private bool TryNext([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Operation? operation)
    {
        lock (_gate)
        {
            return _waiting.TryDequeue(out operation);
        }
    }

    private void Run(Operation operation)
    {
        if (operation.Changes)
        {
            MakeRoom();
        }

        _context.Changes.Clear();
        try
        {
            operation.Run(_context);
            _changes.AddRange(_context.Changes);
        }
        catch (VolumeException refusal)
        {
            operation.Refuse(refusal);
        }

        // Also one that was refused: of two changes that it makes the first may be there, and no lap ends with changes that are not committed.
        _dirty |= operation.Changes;
        if (_dirty || _uncommitted.Count > 0)
        {
            _uncommitted.Add(operation);
        }
        else
        {
            operation.Complete();
        }
    }

    private abstract class Operation(bool changes)
    {
        public bool Changes => changes;

        public abstract void Run(MetadataContext context);

        public abstract void Refuse(VolumeException refusal);

        public abstract void Complete();
    }

    private sealed class Operation<T>(Func<MetadataContext, T> run, bool changes) : Operation(changes)
    {
        private readonly TaskCompletionSource<T> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T? _result;
        private VolumeException? _refusal;

        public Task<T> Task => _ended.Task;

        public override void Run(MetadataContext context) => _result = run(context);

        public override void Refuse(VolumeException refusal) => _refusal = refusal;

        public override void Complete()
        {
            if (_refusal is { } refusal)
            {
                _ended.SetException(refusal);
            }
            else
            {
                _ended.SetResult(_result!);
            }
        }
    }
}
