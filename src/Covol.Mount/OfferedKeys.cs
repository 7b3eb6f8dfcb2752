using Covol.Protocol.Ids;

namespace Covol.Mount;

/// <summary>
/// Keys as the control plane offers them, with each AttachVolume: one is taken when this node needs one, and said to be needed before
/// (<see cref="IsWanted"/>, in what the mount process tells of a volume). The mount process itself asks nobody. Any thread.
/// </summary>
internal sealed class OfferedKeys : IDataKeys
{
    private readonly Lock _gate = new();

    // One entry an incarnation: as many as fences.
    private readonly HashSet<ReservationKey> _used;
    private TaskCompletionSource<ReservationKey>? _waiting;

    public OfferedKeys(ReservationKey first) => _used = [first];

    /// <summary>Somebody waits for a key.</summary>
    public bool IsWanted
    {
        get
        {
            lock (_gate)
            {
                return _waiting is not null;
            }
        }
    }

    /// <summary>Taken if one is waited for and this one was not used here before; else of no effect.</summary>
    public void Offer(ReservationKey key)
    {
        TaskCompletionSource<ReservationKey>? waiting;
        lock (_gate)
        {
            if (_waiting is null || !_used.Add(key))
            {
                return;
            }

            waiting = _waiting;
            _waiting = null;
        }

        waiting.TrySetResult(key);
    }

    public async Task<ReservationKey> NextAsync(CancellationToken cancellation)
    {
        TaskCompletionSource<ReservationKey> waiting;
        lock (_gate)
        {
            waiting = _waiting ??= new TaskCompletionSource<ReservationKey>(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        try
        {
            return await waiting.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            lock (_gate)
            {
                _waiting = null;
            }

            throw;
        }
    }
}
