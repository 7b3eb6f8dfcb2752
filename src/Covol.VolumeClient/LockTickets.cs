using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

/// <summary>
/// Matches <see cref="LockResolved"/> notices with the waiters of their tickets. A notice may be read before the waiter has seen its
/// <see cref="LockQueued"/>, so a bounded number of unknown tickets is remembered. Any thread.
/// </summary>
internal sealed class LockTickets
{
    private const int EarlyMax = 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<long, TaskCompletionSource<VolumeError?>> _waiting = [];
    private readonly Dictionary<long, VolumeError?> _early = [];
    private readonly Queue<long> _earlyOrder = new();

    /// <summary>Ends when the ticket is resolved: null means granted.</summary>
    public Task<VolumeError?> WaitFor(long ticket)
    {
        lock (_gate)
        {
            if (_early.Remove(ticket, out var error))
            {
                return Task.FromResult(error);
            }

            var waiter = new TaskCompletionSource<VolumeError?>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting[ticket] = waiter;
            return waiter.Task;
        }
    }

    public void Forget(long ticket)
    {
        lock (_gate)
        {
            _waiting.Remove(ticket);
        }
    }

    public void Resolved(LockResolved notice)
    {
        lock (_gate)
        {
            if (_waiting.Remove(notice.Ticket, out var waiter))
            {
                waiter.TrySetResult(notice.Error);
                return;
            }

            if (!_early.TryAdd(notice.Ticket, notice.Error))
            {
                return;
            }

            _earlyOrder.Enqueue(notice.Ticket);
            while (_earlyOrder.Count > EarlyMax)
            {
                _early.Remove(_earlyOrder.Dequeue());
            }
        }
    }

    /// <summary>Tickets mean nothing to another coordinator.</summary>
    public void NewEpoch()
    {
        lock (_gate)
        {
            _early.Clear();
            _earlyOrder.Clear();
        }
    }
}
