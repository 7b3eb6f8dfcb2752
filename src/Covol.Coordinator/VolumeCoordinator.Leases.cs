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
            Remember(session, open.Handle, open.File);
        }

        var ticket = await BeginChangeAsync(session.Id, named, []);
        try
        {
            return await work();
        }
        finally
        {
            StepLeases(new LeaseInput.End(ticket));
        }
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
    /// the change does.
    /// </summary>
    private async Task<T> WithFoundAsync<T>(
        Session session,
        VolumeRequest request,
        FileId? known,
        (FileId Directory, string Name)[] names,
        Func<MetadataContext, T> change)
    {
        var found = known is { } file ? [file] : await _metadata.ReadAsync(context => Found(context, names));
        for (var look = 0; look < LooksMax; look++)
        {
            var ticket = await BeginChangeAsync(session.Id, request.Changes, found);
            try
            {
                var recalled = found;
                var (others, result) = await _metadata.ChangeAsync(context =>
                    Found(context, names) is var present && present.All(recalled.Contains)
                        ? (null, change(context))
                        : ((List<FileId>?)present, default(T)!));
                if (others is null)
                {
                    return result;
                }

                found = others;
            }
            finally
            {
                StepLeases(new LeaseInput.End(ticket));
            }
        }

        throw new VolumeException(VolumeError.Busy, "The name leads to another file again and again.");
    }

    /// <summary>The file is open here from now on: nobody shows its attributes without asking.</summary>
    private async Task RecallAttributesAsync(Session session, FileId file)
    {
        var ticket = await BeginChangeAsync(session.Id, [], [file]);
        StepLeases(new LeaseInput.End(ticket));
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

    /// <summary>Ends when nobody may show what is before the change. Then <see cref="LeaseInput.End"/> must follow.</summary>
    private async Task<long> BeginChangeAsync(SessionId by, IReadOnlyList<FileId> named, IReadOnlyList<FileId> found)
    {
        var ticket = ++_lastChange;
        var may = new TaskCompletionSource();
        _mayChange.Add(ticket, may);
        StepLeases(new LeaseInput.Begin(ticket, by, named, found));
        await may.Task;
        return ticket;
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

    private void FireLeaseTimer(long timer)
    {
        if (timer == _leaseTimer)
        {
            StepLeases(new LeaseInput.TimerFired());
        }
    }
}
