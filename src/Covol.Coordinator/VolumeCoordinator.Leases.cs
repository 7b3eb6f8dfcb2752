using Covol.Coordinator.Metadata;
using Covol.Coordinator.Sessions;
using Covol.Protocol;
using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Leases;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>
/// Attributes and names that sessions may show without asking: whoever changes them first waits until nobody does
/// (<see cref="AttributeLeaseMachine"/>).
/// </summary>
public sealed partial class VolumeCoordinator
{
    // A name that leads to another file at each look, so often, is no accident.
    private const int LooksMax = 16;

    private readonly Dictionary<long, TaskCompletionSource> _mayChange = [];

    /// <summary>Files that are about to give room back, which changes what they take.</summary>
    private readonly HashSet<FileId> _trimming = [];
    private long _lastChange;
    private long _leaseTimer;

    /// <summary>
    /// Files that are open change without the coordinator, and whoever opens one asks for its attributes anyway.
    /// </summary>
    private bool TryLease(Session session, InodeAttributes shown, long since) =>
        !InGrace
        && shown.LinkCount > 0
        && !_opens.ContainsKey(shown.File)
        && !_times.ContainsKey(shown.File)
        && !_tails.IsClaimed(shown.File)
        && !_trimming.Contains(shown.File)
        && _leases.TryGrant(_thread.Now, session.Id, shown.File, since);

    private Done Return(Session session, ReturnAttributes returned)
    {
        StepLeases(new LeaseInput.Returned(session.Id, returned.Recall));
        return Done.Instance;
    }

    private Done ReturnAll(Session session)
    {
        StepLeases(new LeaseInput.LetGo(session.Id));
        return Done.Instance;
    }

    /// <summary>Carries out what changes files that the request names; those that find more do it by themselves.</summary>
    private async Task<VolumeReply> ChangingAsync(Session session, VolumeRequest request, Func<Task<VolumeReply>> work)
    {
        if (request is WriteData write)
        {
            return await WritingAsync(session, write.File, work);
        }

        var named = request.Changes;
        if (named.Count == 0 || request is Unlink or Rename)
        {
            return await work();
        }

        if (request is Open open)
        {
            // From here on nobody gets a lease of it.
            await RemovalOf(open.File);
            Remember(session, open.Handle, open.File);
        }

        using var change = await BeginChangeAsync(session.Id, named, []);
        return EndChange(session, change, await work());
    }

    /// <summary>
    /// Ends a change, with what the session may keep of what it left behind: it is the truth where no other change of the same file ran
    /// beside this one, and until the next one begins, which recalls it.
    /// </summary>
    private VolumeReply EndChange(Session session, RunningChange change, VolumeReply reply)
    {
        var named = (reply as Entry)?.Attributes;
        var isNamedTrue = named is not null && (!change.Files.Contains(named.File) || _leases.IsOnlyChange(named.File, change.Since));
        List<InodeAttributes> changed = [.. reply.Changed.Where(attributes => _leases.IsOnlyChange(attributes.File, change.Since))];
        change.Dispose();

        changed.RemoveAll(attributes => !TryLease(session, attributes, _leases.Clock));
        if (reply is Entry entry)
        {
            // An inode that is none of the change's files is new, or as it was when the change began, unless it was changed since.
            var since = change.Files.Contains(entry.Attributes.File) ? _leases.Clock : change.Since;
            reply = entry with
            {
                Leases = (isNamedTrue && TryLease(session, entry.Attributes, since) ? AttributeLeases.Attributes : 0)
                    | (changed.Count > 0 ? AttributeLeases.Name : 0),
            };
        }

        return changed.Count > 0 ? reply with { Changed = changed } : reply.Changed.Count > 0 ? reply with { Changed = [] } : reply;
    }

    /// <summary>A file counts as open while a write of it runs, also when its client has given the write up and closed the file.</summary>
    private async Task<VolumeReply> WritingAsync(Session session, FileId file, Func<Task<VolumeReply>> write)
    {
        var isOpen = _opens.ContainsKey(file);
        _opens[file] = _opens.GetValueOrDefault(file) + 1;
        try
        {
            if (!isOpen)
            {
                await RecallAttributesAsync(session, file);
            }

            return await write();
        }
        finally
        {
            Forget(file);
        }
    }

    /// <summary>
    /// Carries out a change that also concerns what names lead to: looked up before, and looked up again where it is made. Answers what
    /// the change does, and it together with what the session may keep.
    /// </summary>
    private async Task<(T Result, VolumeReply Reply)> WithFoundAsync<T>(
        Session session,
        VolumeRequest request,
        FileId? known,
        (FileId Directory, string Name)[] names,
        Func<MetadataContext, (T Result, VolumeReply Reply)> change,
        Action<IReadOnlyList<FileId>>? begun = null)
    {
        var found = known is { } file ? [file] : await _metadata.ReadAsync(context => Found(context, names));
        for (var look = 0; look < LooksMax; look++)
        {
            using var running = await BeginChangeAsync(session.Id, request.Changes, found);
            begun?.Invoke(found);
            var recalled = found;
            var (others, done) = await _metadata.ChangeAsync(context =>
                Found(context, names) is var present && present.All(recalled.Contains)
                    ? (null, change(context))
                    : ((List<FileId>?)present, default((T Result, VolumeReply Reply))));
            if (others is null)
            {
                return (done.Result, EndChange(session, running, done.Reply));
            }

            found = others;
        }

        throw new VolumeException(VolumeError.Busy, "The name leads to another file again and again.");
    }

    /// <summary>The file is open here from now on: nobody shows its attributes without asking.</summary>
    private async Task RecallAttributesAsync(Session session, FileId file)
    {
        (await BeginChangeAsync(session.Id, [], [file])).Dispose();
    }

    private static List<FileId> Found(MetadataContext context, (FileId Directory, string Name)[] names)
    {
        var found = new List<FileId>();
        foreach (var (directory, name) in names)
        {
            if (context.Volume.Lookup(directory, name) is { } attributes)
            {
                found.Add(attributes.File);
            }
        }

        return found;
    }

    /// <summary>Ends when nobody may show what is before the change. The change is over when it is disposed of.</summary>
    private async Task<RunningChange> BeginChangeAsync(SessionId by, IReadOnlyList<FileId> named, IReadOnlyList<FileId> found)
    {
        var change = new RunningChange(this, ++_lastChange, _leases.Clock, named);
        var may = new TaskCompletionSource();
        _mayChange.Add(change.Ticket, may);
        StepLeases(new LeaseInput.Begin(change.Ticket, by, named, found));
        await may.Task;
        return change;
    }

    private async Task<VolumeReply> NoteDirectWritesAsync(Session session, FileId file)
    {
        await RecallAttributesAsync(session, file);
        return NoteWritten(file);
    }

    private void StepLeases(LeaseInput input)
    {
        _thread.AssertCurrent();
        var effects = new List<LeaseEffect>();
        _leases.Step(_thread.Now, input, effects);
        foreach (var effect in effects)
        {
            switch (effect)
            {
                case LeaseEffect.SendRecall recall:
                    if (_sessions.TryGetValue(recall.Session, out var holder))
                    {
                        holder.Notify(new RecallAttributes(recall.Recall, recall.Files));
                    }

                    break;
                case LeaseEffect.SetTimer timer:
                    // As with layouts: a later timer replaces this one.
                    _leaseTimer++;
                    if (timer.At is { } at)
                    {
                        var mine = _leaseTimer;
                        _thread.At(at, () => FireLeaseTimer(mine));
                    }

                    break;
                case LeaseEffect.MayChange:
                    break;
                default:
                    throw new InvariantBrokenException($"{effect.GetType().Name} is not carried out.");
            }
        }

        // Last: who waits goes on at once, and may step the machine again.
        foreach (var may in effects.OfType<LeaseEffect.MayChange>())
        {
            _mayChange.Remove(may.Ticket, out var waiting);
            waiting!.SetResult();
        }
    }

    /// <summary>A change that nobody shows the old of any more.</summary>
    /// <param name="coordinator">Whose.</param>
    /// <param name="ticket">Its number.</param>
    /// <param name="since">The moment it began, of the machine's clock.</param>
    /// <param name="files">What its request named.</param>
    private sealed class RunningChange(VolumeCoordinator coordinator, long ticket, long since, IReadOnlyList<FileId> files) : IDisposable
    {
        private bool _isOver;

        public long Ticket => ticket;

        public long Since => since;

        public IReadOnlyList<FileId> Files => files;

        public void Dispose()
        {
            if (!_isOver)
            {
                _isOver = true;
                coordinator.StepLeases(new LeaseInput.End(ticket));
            }
        }
    }

    private void FireLeaseTimer(long timer)
    {
        if (timer == _leaseTimer)
        {
            StepLeases(new LeaseInput.TimerFired());
        }
    }
}
