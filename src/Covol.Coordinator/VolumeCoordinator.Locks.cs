using Covol.Coordinator.Sessions;
using Covol.Protocol;
using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>Locks: what the machine decides is carried out here.</summary>
public sealed partial class VolumeCoordinator
{
    private LockTested Test(Session session, TestLock test)
    {
        RequireHandle(session, test.Handle, test.File);
        var effect = StepLocks(new LockInput.Test(session.Id, test.File, test.Owner, test.Kind, test.Mode, test.Range));
        return effect is LockEffect.Tested tested
            ? new LockTested(tested.Conflict)
            : throw new InvariantBrokenException("A test of a lock was not answered.");
    }

    private VolumeReply Set(Session session, SetLock set)
    {
        if (set.Mode != LockMode.Unlock)
        {
            RequireHandle(session, set.Handle, set.File);
            RefuseInGrace("A new lock");
            if (_options.RefusesInGrace && _sessions.Values.Any(other => other.IsReclaiming))
            {
                // Also one that was evicted while grace ran: it is among them until its key is fenced.
                throw new VolumeException(
                    VolumeError.InGrace, "A session that did not reclaim is being fenced; it may have held this lock and still write. Ask again.");
            }
        }

        var wanted = new HeldLock(set.Owner, set.ProcessId, set.Kind, set.Mode, set.Range);
        return StepLocks(new LockInput.Set(session.Id, set.File, set.Handle, wanted, set.Wait)) switch
        {
            LockEffect.Taken => Done.Instance,
            LockEffect.Queued queued => new LockQueued(queued.Ticket),
            LockEffect.Refused refused => new Refused(refused.Error, refused.Detail),
            var other => throw new InvariantBrokenException($"A lock was answered with {other?.GetType().Name}."),
        };
    }

    private Done Cancel(Session session, CancelLock cancel)
    {
        StepLocks(new LockInput.Cancel(session.Id, cancel.File, cancel.Ticket));
        return Done.Instance;
    }

    private Done Release(Session session, ReleaseOwner release)
    {
        StepLocks(new LockInput.ReleaseOwner(session.Id, release.File, release.Owner));
        return Done.Instance;
    }

    /// <summary>Tells the machine and sends what it resolved; answers its first effect.</summary>
    private LockEffect? StepLocks(LockInput input)
    {
        _thread.AssertCurrent();
        var effects = new List<LockEffect>();
        _locks.Step(input, effects);
        foreach (var effect in effects)
        {
            if (effect is LockEffect.Resolved resolved && _sessions.TryGetValue(resolved.Session, out var session) && MaySpeak())
            {
                session.Notify(new LockResolved(resolved.File, resolved.Ticket, resolved.Error));
            }
        }

        return effects.Count > 0 ? effects[0] : null;
    }

    private static void RequireHandle(Session session, HandleId handle, FileId file)
    {
        if (!session.Handles.TryGetValue(handle, out var opened) || opened != file)
        {
            throw new VolumeException(VolumeError.NoSuchHandle, $"{handle} is not open on {file}.");
        }
    }
}
