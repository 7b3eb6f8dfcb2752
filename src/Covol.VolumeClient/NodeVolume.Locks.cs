using Covol.Protocol.Ids;
using Covol.Protocol.Locks;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

public sealed partial class NodeVolume
{
    /// <summary>F_GETLK: what stands in the way; null when nothing does.</summary>
    public async ValueTask<HeldLock?> TestLockAsync(OpenFile handle, LockOwner owner, LockKind kind, LockMode mode, LockRange range)
    {
        RefuseDead(handle);
        var request = new TestLock(handle.File, handle.Id, owner, kind, mode, range);
        return (await AskAsync<LockTested>(request).ConfigureAwait(false)).Conflict;
    }

    /// <summary>
    /// Takes, changes or drops a lock for the whole cluster. With <paramref name="wait"/> it waits as long as it takes, or until
    /// <paramref name="interrupted"/>; then it throws Interrupted, unless the lock was granted in the same moment. Beyond the wait limit it
    /// is refused only as long as no coordinator was asked; an unlock never, because a program asks for it once.
    /// </summary>
    public async ValueTask SetLockAsync(OpenFile handle, HeldLock wanted, bool wait, CancellationToken interrupted)
    {
        var request = new SetLock(
            handle.File, handle.Id, wanted.Owner, wanted.ProcessId, wanted.Kind, wanted.Mode, wanted.Range, wait);
        var urgency = wanted.Mode == LockMode.Unlock ? Urgency.Return : Urgency.Lock;
        for (var attempt = 0; attempt < TakeoversMax;)
        {
            RefuseDead(handle);
            var life = Interlocked.Read(ref _life);
            var sent = await _keeper.SendAsync(request, default, default, urgency).ConfigureAwait(false);
            if (sent.Reply is LockQueued queued)
            {
                switch (await WaitForLockAsync(handle, queued.Ticket, sent.Link, interrupted).ConfigureAwait(false))
                {
                    case LockWait.AskAgain:
                        // The place in the queue was at a coordinator, or behind a connection, that is gone.
                        continue;
                    case LockWait.Interrupted:
                        throw new VolumeException(VolumeError.Interrupted, "The wait for a lock was interrupted.");
                    default:
                        break;
                }
            }
            else
            {
                Expect<Done>(sent.Reply);
            }

            if (TryRemember(handle, wanted, life))
            {
                return;
            }

            attempt++;
        }

        throw new VolumeException(VolumeError.IoFailed, "The volume changed its coordinator again and again while a lock was taken.");
    }

    private async ValueTask ReleaseOwnerAsync(OpenFile handle, LockOwner owner)
    {
        var file = handle.Owner;
        for (var attempt = 0; attempt < TakeoversMax; attempt++)
        {
            var life = Interlocked.Read(ref _life);
            lock (file.Gate)
            {
                if (!file.Locks.Holds(owner, LockKind.Range))
                {
                    return;
                }
            }

            var sent = await _keeper.SendAsync(new ReleaseOwner(file.Id, owner), default, default, Urgency.Return)
                .ConfigureAwait(false);
            Expect<Done>(sent.Reply);
            lock (_gate)
            {
                if (life == _life)
                {
                    lock (file.Gate)
                    {
                        file.Locks.OwnerReleased(owner);
                    }

                    return;
                }
            }
        }
    }

    private async ValueTask<LockWait> WaitForLockAsync(
        OpenFile handle, long ticket, SessionLink link, CancellationToken interrupted)
    {
        var resolved = _tickets.WaitFor(ticket);
        var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (interrupted.Register(static state => ((TaskCompletionSource)state!).TrySetResult(), signal))
        {
            await Task.WhenAny(resolved, link.Retired, signal.Task).ConfigureAwait(false);
        }

        // Behind a connection that is gone the ticket still waits at its coordinator: left there, it would be granted to nobody.
        var left = resolved.IsCompleted || (!interrupted.IsCancellationRequested && link.Epoch != _keeper.Epoch)
            ? default
            : await _keeper.SendAsync(new CancelLock(handle.File, ticket), default, default, Urgency.Return).ConfigureAwait(false);
        _tickets.Forget(ticket);
        var gaveUp = interrupted.IsCancellationRequested ? LockWait.Interrupted : LockWait.AskAgain;

        // The notice of a grant that came just before travels ahead of that answer.
        if (!resolved.IsCompleted)
        {
            return left.Reply is Refused refused && refused.Error != VolumeError.NotFound
                ? throw new VolumeException(refused.Error, refused.Detail)
                : gaveUp;
        }

        return await resolved.ConfigureAwait(false) switch
        {
            null => LockWait.Granted,
            VolumeError.Interrupted => left.Reply is null ? LockWait.Interrupted : gaveUp,
            { } error => throw new VolumeException(error, "The wait for a lock was given up."),
        };
    }

    private bool TryRemember(OpenFile handle, HeldLock taken, long life)
    {
        lock (_gate)
        {
            if (life != _life)
            {
                return false;
            }

            lock (handle.Owner.Gate)
            {
                // A handle that was closed meanwhile lost the lock with its close.
                if (taken.Mode == LockMode.Unlock || handle.Owner.Handles.ContainsKey(handle.Id))
                {
                    handle.Owner.Locks.Granted(handle.Id, taken);
                }
            }

            return true;
        }
    }

    private enum LockWait
    {
        Granted,
        Interrupted,
        AskAgain,
    }
}
