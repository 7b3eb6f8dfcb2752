using System.Collections.Concurrent;
using Covol.Protocol.Control;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Microsoft.Extensions.Logging;

namespace Covol.VolumeClient;

/// <summary>
/// One node's view of one volume: its session with whoever coordinates, the files open here, their layouts and locks. Any thread.
/// Requests are tasks that end when the coordinator has answered; refusals are <see cref="VolumeException"/>. The data path's own
/// calls are those of <see cref="OpenFile"/>.
/// </summary>
public sealed partial class NodeVolume : IAsyncDisposable
{
    // A request whose effect is state of the session is asked for afresh when a takeover came between; more in a row is no accident.
    private const int TakeoversMax = 16;

    private readonly VolumeClientSettings _settings;
    private readonly IMonotonicClock _clock;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly LeaseClock _lease;
    private readonly SessionKeeper _keeper;
    private readonly LockTickets _tickets = new();
    private readonly BackgroundWork _work = new();
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<FileId, ClientFile> _files = new();
    private long _lastHandle;

    // Grows with each takeover and each end of a session: what was granted in an older life is not valid in this one.
    private long _life;
    private long _directBytesOfClosed;
    private long _redirectedBytesOfClosed;
    private volatile string? _fenced;

    // Under the gate.
    private bool _givingUp;

    public NodeVolume(
        VolumeClientSettings settings, IConnectionSource source, IMonotonicClock clock, TimeProvider time, ILogger<NodeVolume> log)
    {
        _settings = settings;
        _clock = clock;
        _time = time;
        _log = log;
        _lastHandle = settings.FirstHandle - 1;
        _lease = new LeaseClock(clock);
        _attributeLease = new LeaseClock(clock);
        _attributes = new AttributeCache(_attributeLease, settings.AttributesMax);
        _keeper = new SessionKeeper(settings, source, clock, time, _lease, _attributeLease, new SessionEvents(this), log);
        _keeper.Start();
    }

    /// <summary>The LUN's block size, once a session is there; 0 before.</summary>
    public int BlockSize { get; private set; }

    public int ClusterSize { get; private set; }

    /// <summary>Who coordinates now. The higher epoch wins.</summary>
    public void SetCoordinator(Epoch epoch, IReadOnlyList<string> endpoints) =>
        _keeper.SetCoordinator(new CoordinatorRoute(epoch, endpoints));

    /// <summary>Waits until a session is there.</summary>
    public async Task ConnectedAsync(CancellationToken cancellation)
    {
        var link = await _keeper.LinkAsync(cancellation).ConfigureAwait(false);
        BlockSize = link.Session.BlockSize;
        ClusterSize = link.Session.ClusterSize;
    }

    /// <summary>How data goes at this moment.</summary>
    public MountedVolume Describe()
    {
        long direct = Interlocked.Read(ref _directBytesOfClosed), redirected = Interlocked.Read(ref _redirectedBytesOfClosed);
        int handles = 0, layouts = 0;
        foreach (var file in _files.Values)
        {
            direct += file.DirectBytes;
            redirected += file.RedirectedBytes;
            layouts += file.Layout is null ? 0 : 1;
            lock (file.Gate)
            {
                handles += file.Handles.Count;
            }
        }

        var (state, reason) = Route();
        return new MountedVolume(_settings.Volume, state, reason, _keeper.Epoch, direct, redirected, handles, layouts);
    }

    /// <summary>Asks something that leaves no state in the session, exactly once.</summary>
    public ValueTask<TReply> AskAsync<TReply>(VolumeRequest request)
        where TReply : VolumeReply => AskAsync<TReply>(request, handle: null);

    private async ValueTask<TReply> AskAsync<TReply>(VolumeRequest request, OpenFile? handle)
        where TReply : VolumeReply
    {
        if (request.Changes.Count > 0)
        {
            return (await ChangeAsync<TReply>(request, handle).ConfigureAwait(false)).Reply;
        }

        return Expect<TReply>((await _keeper.SendAsync(request, default, default, Urgency.Ordinary).ConfigureAwait(false)).Reply);
    }

    /// <summary>Opens a file under a handle of its own.</summary>
    public async ValueTask<(OpenFile Handle, InodeAttributes Attributes)> OpenAsync(FileId file, OpenAccess access, bool truncate)
    {
        for (var attempt = 0; attempt < TakeoversMax; attempt++)
        {
            var life = Interlocked.Read(ref _life);
            var handle = new HandleId(Interlocked.Increment(ref _lastHandle));
            var entry = await AskAsync<Entry>(new Open(file, handle, access, truncate)).ConfigureAwait(false);
            if (TryRegister(entry.Attributes, handle, access, life) is { } open)
            {
                return (open, entry.Attributes);
            }

            // Opened by a coordinator that is gone: nobody could reclaim what was not known yet. The file was cut already.
            truncate = false;
            ForgetHandle(handle);
        }

        throw new VolumeException(VolumeError.IoFailed, "The volume changed its coordinator again and again while a file was opened.");
    }

    /// <summary>Creates a regular file, or opens the one that is there where allowed, under a handle of its own.</summary>
    public async ValueTask<(OpenFile Handle, Seen Seen)> CreateAsync(
        FileId directory, string name, NewInode inode, OpenAccess access, bool openExisting, bool truncate)
    {
        var life = Interlocked.Read(ref _life);
        var handle = new HandleId(Interlocked.Increment(ref _lastHandle));
        var request = new Create(directory, name, inode, handle, openExisting, truncate);
        var (entry, seen) = await ChangeAsync<Entry>(request).ConfigureAwait(false);
        if (TryRegister(entry.Attributes, handle, access, life) is { } open)
        {
            return (open, seen);
        }

        ForgetHandle(handle);
        var (again, attributes) = await OpenAsync(entry.Attributes.File, access, truncate: false).ConfigureAwait(false);
        return (again, new Seen(attributes, TimeSpan.Zero, TimeSpan.Zero));
    }

    /// <summary>
    /// The last use of a handle: its locks and, with the file's last handle here, its layout go. Never fails: what cannot be told now
    /// is told as soon as there is a coordinator.
    /// </summary>
    public async ValueTask CloseAsync(OpenFile handle)
    {
        var file = handle.Owner;
        bool last;
        lock (file.Gate)
        {
            if (!file.Handles.Remove(handle.Id))
            {
                return;
            }

            file.Locks.HandleClosed(handle.Id);
            last = file.Handles.Count == 0;
        }

        if (last && !await TryDropLayoutAsync(file).ConfigureAwait(false))
        {
            return;
        }

        if (!handle.IsDead)
        {
            await FailedFlushesTold.ConfigureAwait(false);
            await TellAsync(new Close(handle.Id), file.Id).ConfigureAwait(false);
        }

        Forget(file);
    }

    /// <summary>
    /// Gives everything back and ends the session, as far as a coordinator is there to listen. Waits for direct I/O: an ended session
    /// has no layouts, so none of it may be on its way.
    /// </summary>
    public async Task CloseSessionAsync()
    {
        lock (_gate)
        {
            _givingUp = true;
        }

        DropLayouts();
        var ended = Task.WhenAll(_files.Values.Select(file => file.UnpublishedEnded()));
        await Task.WhenAny(ended, _work.Closing).ConfigureAwait(false);
        if (!ended.IsCompleted || _keeper.Link is null)
        {
            // The coordinator will fence what may still be on its way.
            return;
        }

        try
        {
            await _keeper.SendAsync(new CloseSession(), default, default, Urgency.Reserved).ConfigureAwait(false);
        }
        catch (VolumeException failure)
        {
            VolumeClientLog.NotAnswered(_log, _settings.Volume, "the end of the session", "the volume", failure.Message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        var closing = _work.CloseAsync();
        await _keeper.DisposeAsync().ConfigureAwait(false);
        await closing.ConfigureAwait(false);
    }

    private bool IsGivingUp
    {
        get
        {
            lock (_gate)
            {
                return _givingUp;
            }
        }
    }

    private static TReply Expect<TReply>(VolumeReply reply)
        where TReply : VolumeReply => reply switch
        {
            Refused refused => throw new VolumeException(refused.Error, refused.Detail),
            TReply expected => expected,
            _ => throw new VolumeException(
                VolumeError.IoFailed, $"The coordinator answered {reply.GetType().Name} where {typeof(TReply).Name} is due."),
        };

    private (VolumeRouteState State, string Reason) Route()
    {
        if (_keeper.Link is null && (_fenced is not null || !_lease.IsRunning))
        {
            return (VolumeRouteState.Paused, _keeper.WaitingFor);
        }

        return _fenced is { } fenced ? (VolumeRouteState.FileSystemRedirected, fenced) : (VolumeRouteState.Direct, "");
    }

    private OpenFile? TryRegister(InodeAttributes attributes, HandleId handle, OpenAccess access, long life)
    {
        lock (_gate)
        {
            if (life != _life)
            {
                return null;
            }

            var file = _files.GetOrAdd(attributes.File, static (key, clock) => new ClientFile(key, clock), _clock);
            file.SizeSeen(attributes.Size);
            var open = new OpenFile(file, handle, access);
            lock (file.Gate)
            {
                file.Handles.Add(handle, open);
            }

            return open;
        }
    }

    private void Forget(ClientFile file)
    {
        lock (_gate)
        {
            lock (file.Gate)
            {
                if (file.Handles.Count == 0 && !file.HasAnyLayout
                    && _files.TryRemove(new KeyValuePair<FileId, ClientFile>(file.Id, file)))
                {
                    _directBytesOfClosed += file.DirectBytes;
                    _redirectedBytesOfClosed += file.RedirectedBytes;
                }
            }
        }
    }

    private void ForgetHandle(HandleId handle) =>
        _work.TryStart(() => TellAsync(new Close(handle), default).AsTask());

    /// <summary>Says what needs no answer but must arrive; the session's end makes it meaningless.</summary>
    private async ValueTask TellAsync(VolumeRequest request, FileId file)
    {
        try
        {
            var urgency = request is ReturnLayout or CommitLayout or NoteFailedFlush ? Urgency.Layout : Urgency.Return;
            var sent = await _keeper.SendAsync(request, default, default, urgency).ConfigureAwait(false);
            if (sent.Reply is Refused { Error: not (VolumeError.NoSuchHandle or VolumeError.Stale) } refused)
            {
                VolumeClientLog.NotAnswered(_log, _settings.Volume, request.GetType().Name, file.ToString(), refused.Detail);
            }
        }
        catch (VolumeException failure)
        {
            VolumeClientLog.NotAnswered(_log, _settings.Volume, request.GetType().Name, file.ToString(), failure.Message);
        }
    }
}
