using Covol.Coordinator.Data;
using Covol.Coordinator.Driver;
using Covol.Coordinator.Metadata;
using Covol.Coordinator.Sessions;
using Covol.Lun;
using Covol.Ntfs;
using Covol.Protocol;
using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Leases;
using Covol.Protocol.Locks;
using Covol.Protocol.Volume;
using Covol.Transport;
using Microsoft.Extensions.Logging;

namespace Covol.Coordinator;

/// <summary>
/// Serves one volume to its clients: names, attributes, data, layouts, locks, each request exactly once.
/// </summary>
/// <remarks>
/// <code>
///   connection threads ──calls──► coordinator thread ──operations──► metadata thread ──commit──► journal
///                       ◄─answers─  sessions, slots,  ◄──results───   (NTFS, one group = one record)
///                                   gates, opens,     ──blocks────►  data workers ──────────────► LUN
///                                   layouts, locks    ──fences────►  a thread a fence ──preempt and abort──► LUN
/// </code>
/// Every decision is made on the coordinator thread; what blocks has threads of its own. docs/internals/coordinator.md tells
/// the life
/// of a write.
/// </remarks>
public sealed partial class VolumeCoordinator : IVolumeService, IAsyncDisposable
{
    private readonly CoordinatorParts _parts;
    private readonly CoordinatorOptions _options;
    private readonly ILogger _log;
    private readonly CoordinatorThread _thread;
    private readonly WorkerPool _dataWorkers;
    private readonly WorkerPool _keyWatch;
    private readonly WorkerPool _registrations;
    private readonly FenceThreads _fences;
    private readonly FileData _data;
    private readonly FlushGroup _flushes;
    private readonly FlushLedger _ledger = new();
    private readonly FileGates _gates = new();
    private readonly LayoutMachine _layouts;
    private readonly LockMachine _locks;
    private readonly AttributeLeaseMachine _leases;
    private readonly Dictionary<SessionId, Session> _sessions = [];
    private readonly TaskCompletionSource<VolumeAnswer> _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CommitQueue _metadata = null!;
    private CoordinatorPhase _phase = CoordinatorPhase.Starting;
    private string _phaseReason = "";
    private int _serving;
    private int _failed;

    public VolumeCoordinator(CoordinatorParts parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        _parts = parts;
        _options = parts.Options;
        _log = parts.Loggers.CreateLogger<VolumeCoordinator>();
        _data = new FileData(parts.Lun);
        _dataWorkers = new WorkerPool($"covol-data {parts.VolumeName}", _options.DataThreads, parts.Stepped);
        _keyWatch = new WorkerPool($"covol-key {parts.VolumeName}", 1, parts.Stepped);
        _registrations = new WorkerPool($"covol-keys {parts.VolumeName}", 1, parts.Stepped);
        _fences = new FenceThreads($"covol-fence {parts.VolumeName}", _options.SessionsMax, parts.Stepped);
        // The epoch in the high bits makes what an earlier coordinator gave out smaller than anything new.
        _layouts = new LayoutMachine(_options.Layouts, parts.Epoch.Value << 32);
        _tails = new TailMachine(_options.Layouts);
        _leases = new AttributeLeaseMachine(_options.AttributeLease, parts.Epoch.Value << 32, _options.RecallsAttributes);
        _flushes = new FlushGroup(
            _dataWorkers, _data, _ledger, file => _layouts.HasWriter(file) || _tails.IsClaimed(file), FlushFailed);
        _locks = new LockMachine(parts.Epoch.Value << 32);
        _thread = new CoordinatorThread($"covol-coord {parts.VolumeName}", parts.Time, failure => Fail(failure.Message, failure), parts.Stepped);
    }

    public Epoch Epoch => _parts.Epoch;

    /// <summary>Takes the recovered state over, then serves. Grace runs where the journal knows sessions.</summary>
    public async Task StartAsync()
    {
        var state = DurableState.From(_parts.Recovered);
        var (left, orphans, clusterSize, root) = await _parts.Metadata.RunAsync(() => _parts.Volume is INtfsOrphans volume
            ? (volume.OrphanReferences(), (IReadOnlyList<FileId>)[], _parts.Volume.ClusterSize, _parts.Volume.Root)
            : ((IReadOnlyList<FileReference>)[], _parts.Volume.Orphans(), _parts.Volume.ClusterSize, _parts.Volume.Root));
        _metadata = new CommitQueue(
            _parts.Metadata, _parts.Volume, state, orphans, failure => Fail(failure.Message, failure));
        await OnThread(() =>
        {
            _orphansLeft.UnionWith(left);
            Begin(state, orphans, clusterSize, root);
        });
    }

    public async ValueTask<VolumeAnswer> CallAsync(IVolumeCaller caller, VolumeCall call, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(call);
        var answered = new TaskCompletionSource<VolumeAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _thread.Post(() => Serve(caller, call, answered));

        // Not cancelled with the connection: the call's data is used until the work has ended, and the answer is kept in the
        // slot.
        var first = await Task.WhenAny(answered.Task, _stopped.Task);
        var answer = await first;
        return MaySpeak() ? answer : throw Deposed();
    }

    public void Disconnected(IVolumeCaller caller) => _thread.Post(() => Detach(caller));

    public Task<CoordinatorState> GetStateAsync() => OnThread(State);

    /// <summary>
    /// Ends serving in good order: new calls are refused with <see cref="VolumeError.NotServing"/>, what is under way ends,
    /// then all
    /// is committed and checkpointed. The volume may be disposed of afterwards.
    /// </summary>
    public async Task HandOverAsync()
    {
        var idle = await OnThread(BeginHandOver);
        await idle;
        await _metadata.ReadAsync(context =>
        {
            context.CheckpointLast();
            return true;
        });
    }

    /// <summary>
    /// The cluster evicted the node: its data keys up to this incarnation are fenced, then their sessions, opens and locks end, and
    /// none of them opens a session again. Ends after that. What the node has begun since with later keys goes on.
    /// </summary>
    public async Task EvictAsync(NodeId node, long incarnation)
    {
        var ended = await OnThread(() =>
        {
            _evicted[node] = Math.Max(incarnation, _evicted.GetValueOrDefault(node));
            return Task.WhenAll(
                _sessions.Values.Where(session => IsEvicted(session.Node, session.DataKey)).ToList()
                    .Select(session => EvictSessionAsync(session, $"{node} was evicted")));
        });
        await WaitAsync(ended);
    }

    /// <summary>Stops without any order: whatever is not answered stays unanswered, as after a crash.</summary>
    public ValueTask DisposeAsync()
    {
        _stopped.TrySetException(new ConnectionLostException("The coordinator stopped."));
        _thread.Dispose();
        _dataWorkers.Dispose();
        _keyWatch.Dispose();
        _registrations.Dispose();
        _fences.Dispose();

        // Nobody may be left who would see the exception.
        _ = _stopped.Task.Exception;
        return ValueTask.CompletedTask;
    }

    private void Serve(IVolumeCaller caller, VolumeCall call, TaskCompletionSource<VolumeAnswer> answered)
    {
        _serving++;
        Background(async () =>
        {
            try
            {
                answered.TrySetResult(await AnswerAsync(caller, call));
            }
            finally
            {
                _serving--;
                NoteIdle();
            }
        });
    }

    private async Task<VolumeAnswer> AnswerAsync(IVolumeCaller caller, VolumeCall call)
    {
        if (call.Epoch != Epoch && _options.ChecksEpoch)
        {
            return Refuse(VolumeError.WrongEpoch, $"This is {Epoch}, the request is for {call.Epoch}.");
        }

        if (_phase == CoordinatorPhase.HandingOver && call.Request is not
            (ReturnLayout or CommitLayout or NoteFailedFlush or RenewLease or ReleaseOwner or ReturnAttributes or ReturnAllAttributes))
        {
            return Refuse(VolumeError.NotServing, "The volume is being handed over to another coordinator.");
        }

        if (_idle is { Task.IsCompleted: true } && call.Request is CommitLayout)
        {
            // It writes zeroes, and nobody waits any more before the next coordinator begins: they would land over its writes.
            return Refuse(VolumeError.NotServing, "The volume was handed over to another coordinator.");
        }

        if (call.Request is OpenSession open)
        {
            return Answer(await RefusalAsReply(() => OpenSessionAsync(caller, open)));
        }

        if (!_sessions.TryGetValue(call.Id.Session, out var session) || session.IsEnding)
        {
            return Refuse(VolumeError.SessionUnknown, $"{call.Id.Session} has ended or never was.");
        }

        if (session.Node != caller.Node)
        {
            return Violation(caller, session, $"{caller.Node} used a session of {session.Node}.");
        }

        if (call.Id.Slot < 0 || call.Id.Slot >= session.Slots.Length)
        {
            return Violation(caller, session, $"Slot {call.Id.Slot} is not among its {session.Slots.Length}.");
        }

        var slot = session.Slots[call.Id.Slot];
        if (slot.Running is { } running)
        {
            if (slot.RunningSequence != call.Id.Sequence)
            {
                return Violation(caller, session, $"Slot {call.Id.Slot} is busy with sequence {slot.RunningSequence}.");
            }

            NoteGivenUp(slot, call.Request);
            var same = await running;

            // Who only settles a read that it gave up has no room for its data.
            return call.Request is ReadData ? same : same with { Data = default };
        }

        if (call.Id.Sequence < slot.LastSequence)
        {
            return Violation(caller, session, $"{call.Id} is older than the slot's last, {slot.LastSequence}.");
        }

        if (call.Id.Sequence == slot.LastSequence && slot.LastReply is { } kept && _options.RemembersAnswers)
        {
            return Answer(await RefusalAsReply(async () =>
            {
                await OpenAgainAsync(session, call.Request, kept);
                return kept;
            }));
        }

        slot.RunningSequence = call.Id.Sequence;
        var ended = new TaskCompletionSource<VolumeAnswer>();
        slot.Running = ended.Task;
        var answer = await RunAsync(session, slot, call);
        slot.LastSequence = call.Id.Sequence;
        slot.LastReply = IsKept(answer.Reply) ? WithoutLeases(answer.Reply) : null;
        slot.PlacedAppend = null;
        slot.Running = null;
        ended.SetResult(answer);
        return answer;
    }

    /// <summary>Answers that say "ask again", and those of reads, are made anew.</summary>
    private static bool IsKept(VolumeReply reply) => reply switch
    {
        Refused { Error: VolumeError.InGrace or VolumeError.NotServing or VolumeError.WrongEpoch or VolumeError.AskAgain } => false,
        // A layout that was lost on its way may have been recalled since; asked again, it is granted anew.
        LayoutGranted or LockTested => false,
        DataRead or DataFound or DirectoryPage or VolumeSpace or LinkTarget or ExtendedAttributeValue or ExtendedAttributeNames => false,
        _ => true,
    };

    /// <summary>What may be kept of an answer now may be recalled before it is asked for again.</summary>
    private static VolumeReply WithoutLeases(VolumeReply reply) => reply switch
    {
        Entry { Leases: not AttributeLeases.None } entry => entry with { Leases = AttributeLeases.None, Changed = [] },
        { Changed.Count: > 0 } => reply with { Changed = [] },
        _ => reply,
    };

    private async Task<VolumeAnswer> RunAsync(Session session, Slot slot, VolumeCall call)
    {
        if (call.Request is ReadData read)
        {
            ReadOnlyMemory<byte> data = default;
            var reply = await RefusalAsReply(async () =>
            {
                data = await ReadDataAsync(read);
                return new DataRead(data.Length);
            });
            return new VolumeAnswer(Epoch, reply, reply is DataRead ? data : default);
        }

        return Answer(await RefusalAsReply(() => ChangingAsync(session, call.Request, () => CarryOutAsync(session, slot, call))));
    }

    private Task<VolumeReply> CarryOutAsync(Session session, Slot slot, VolumeCall call) => call.Request switch
    {
        RenewLease => Replied(Renew(session)),
        CloseSession => CloseSessionAsync(session, slot),
        ReclaimHandle reclaim => ReclaimInsideAsync(session, reclaim),
        ReclaimComplete => Replied(ReclaimCompleted(session)),
        Lookup lookup => LookupAsync(session, lookup),
        GetRoot => GetAttributesAsync(session, _root),
        GetAttributes get => GetAttributesAsync(session, get.File),
        ReturnAttributes returned => Replied(Return(session, returned)),
        ReturnAllAttributes => Replied(ReturnAll(session)),
        SetAttributes set => SetAttributesAsync(call.Id, set),
        Create create => CreateAsync(session, slot, call.Id, create),
        Link link => LinkAsync(call.Id, link),
        Unlink unlink => UnlinkAsync(session, call.Id, unlink),
        Rename rename => RenameAsync(session, call.Id, rename),
        ReadLink read => ReadLinkAsync(read),
        ListDirectory list => ListAsync(session, list),
        GetSpace => GetSpaceAsync(),
        GetExtendedAttribute get => GetExtendedAttributeAsync(get),
        SetExtendedAttribute set => SetExtendedAttributeAsync(call.Id, set),
        ListExtendedAttributes list => ListExtendedAttributesAsync(list),
        RemoveExtendedAttribute remove => RemoveExtendedAttributeAsync(call.Id, remove),
        Open { Truncate: true } open => WatchedAsync(slot, open.File, () => OpenAsync(session, call.Id, open)),
        Open open => OpenAsync(session, call.Id, open),
        Close close => CloseAsync(session, close),
        WriteData write => WatchedAsync(slot, write.File, () => WriteDataAsync(session, slot, call.Id, write, call.Data)),
        SetSize set => WatchedAsync(slot, set.File, () => SetSizeAsync(call.Id, set)),
        Allocate allocate => WatchedAsync(slot, allocate.File, () => AllocateAsync(session, slot, call.Id, allocate)),
        Synchronize synchronize => SynchronizeAsync(session, synchronize),
        FindData find => FindDataAsync(find),
        NoteDirectWrites note => NoteDirectWritesAsync(session, note.File),
        NoteFailedFlush note => NoteFailedFlushAsync(session, call.Id, note.File),
        GetLayout get => GetLayoutAsync(session, call.Id, get),
        ReturnLayout returned => Replied(Return(session, returned)),
        CommitLayout told => CommitLayoutAsync(call.Id, told),
        FenceKey fence => FenceKeyAsync(session, fence.DataKey),
        TestLock test => Replied(Test(session, test)),
        SetLock set => Replied(Set(session, set)),
        CancelLock cancel => Replied(Cancel(session, cancel)),
        ReleaseOwner release => Replied(Release(session, release)),
        _ => throw new VolumeException(VolumeError.BadRequest, $"{call.Request.GetType().Name} is not served in a session."),
    };

    /// <summary>A refusal is an answer. Whatever else goes wrong ends the coordinator (see <see cref="Background"/>).</summary>
    private static async Task<VolumeReply> RefusalAsReply(Func<Task<VolumeReply>> work)
    {
        try
        {
            return await work();
        }
        catch (VolumeException refusal)
        {
            return new Refused(refusal.Error, refusal.Message);
        }
        catch (LunException failure) when (failure.Error is LunError.MediaFailed or LunError.NoSpace)
        {
            // Anything else a LUN says means this coordinator cannot go on: another path's owner has to.
            return new Refused(failure.Error == LunError.NoSpace ? VolumeError.NoSpace : VolumeError.IoFailed, failure.Message);
        }
    }

    private static Task<VolumeReply> Replied(VolumeReply reply) => Task.FromResult(reply);

    private VolumeAnswer Answer(VolumeReply reply) => new(Epoch, reply, default);

    private VolumeAnswer Refuse(VolumeError error, string detail) => Answer(new Refused(error, detail));

    private VolumeAnswer Violation(IVolumeCaller caller, Session session, string reason)
    {
        CoordinatorLog.ProtocolBroken(_log, _parts.VolumeName, session.Id, reason);
        caller.Close(reason);
        return Refuse(VolumeError.BadRequest, reason);
    }

    /// <summary>Work that nobody waits for. It has no failures of its own: one that gets here ends the coordinator.</summary>
#pragma warning disable CA1031, VSTHRD100 // Every failure is caught and ends the coordinator.
    private async void Background(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception failure)
        {
            Fail(failure.Message, failure);
        }
    }
#pragma warning restore CA1031, VSTHRD100

    private Task<T> OnThread<T>(Func<T> work)
    {
        var ended = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _thread.Post(() => ended.TrySetResult(work()));
        return WaitAsync(ended.Task);
    }

    private Task<bool> OnThread(Action work) => OnThread(() =>
    {
        work();
        return true;
    });

    private async Task<T> WaitAsync<T>(Task<T> task)
    {
        await WaitAsync((Task)task).ConfigureAwait(false);
        return await task.ConfigureAwait(false);
    }

    private async Task WaitAsync(Task task)
    {
        await Task.WhenAny(task, _stopped.Task).ConfigureAwait(false);
        if (!task.IsCompleted)
        {
            await _stopped.Task.ConfigureAwait(false);
        }

        await task.ConfigureAwait(false);
    }

    private void EnterPhase(CoordinatorPhase phase, string reason)
    {
        Invariant.Holds(phase >= _phase, "A coordinator went back to an earlier phase.");
        _phase = phase;
        _phaseReason = reason;
        CoordinatorLog.PhaseChanged(_log, _parts.VolumeName, phase, Epoch, reason);
    }

    private void Fail(string reason, Exception? failure)
    {
        if (Interlocked.Exchange(ref _failed, 1) != 0)
        {
            return;
        }

        _thread.Stop();
        CoordinatorLog.Failed(_log, failure, _parts.VolumeName, reason);
        _stopped.TrySetException(new ConnectionLostException($"The coordinator failed: {reason}"));
        _ = _stopped.Task.Exception;
        _parts.Failed(reason, failure);
    }

    private CoordinatorState State() => new(
        _parts.VolumeName, Epoch, _phase, _phaseReason, _sessions.Count, _layouts.Count, _locks.Count,
        _sessions.Values.Sum(session => session.Handles.Count));
}
