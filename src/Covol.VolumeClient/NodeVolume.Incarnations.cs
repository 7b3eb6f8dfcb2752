using Covol.Protocol;
using Covol.Protocol.Ids;

namespace Covol.VolumeClient;

/// <content>Direct or redirected: how a fence ends direct I/O, and how a new incarnation begins it again.</content>
public sealed partial class NodeVolume
{
    // Both under the gate.
    private TaskCompletionSource _wentRedirected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private (ReservationKey Key, TaskCompletionSource Renewed)? _comingBack;

    /// <summary>
    /// The LUN refused this node's key, or a request failed: all direct I/O ends, data goes through the coordinator, locks and opens stay
    /// (SAFETY 1). Only a new incarnation, with a new key, goes direct again: what failed on a lost path may still land, until its key is
    /// fenced. Any thread.
    /// </summary>
    public void Fenced(string reason)
    {
        lock (_gate)
        {
            if (_fenced is not null)
            {
                return;
            }

            _fenced = reason;
            _wentRedirected.TrySetResult();
        }

        VolumeClientLog.WentRedirected(_log, _settings.Volume, reason);
        DropLayouts();
    }

    /// <summary>Ends when data goes through the coordinator.</summary>
    public Task RedirectedAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            return _wentRedirected.Task.WaitAsync(cancellation);
        }
    }

    /// <summary>Ends when none of this node's direct I/O is in flight. For a node that is redirected; no more of it begins.</summary>
    public Task OldIoEndedAsync(CancellationToken cancellation) => DrainedAsync(s_none).WaitAsync(cancellation);

    /// <summary>
    /// Goes on as a new incarnation: the session is resumed with this key, upon which the coordinator fences the one before, and from
    /// the first renewal under it data goes directly again. The key is registered on the LUN that the ring now uses, and all I/O of
    /// the older life has ended (SAFETY 4). Cancelled, it stays redirected; then another key is needed.
    /// </summary>
    public async Task ComeBackAsync(ReservationKey key, CancellationToken cancellation)
    {
        Invariant.Holds(DrainedAsync(s_none).IsCompleted, "A node took a new key while I/O under the old one was in flight.");
        var renewed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            Invariant.Holds(_fenced is not null, "A node took a new key while its old one was good.");
            _comingBack = (key, renewed);
        }

        _keeper.SetDataKey(key);
        try
        {
            await renewed.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            lock (_gate)
            {
                // Renewed in the same moment: it is direct, and the caller must not take its LUN away.
                if (renewed.Task.IsCompleted)
                {
                    return;
                }

                _comingBack = null;
            }

            throw;
        }
    }

    private void LeaseRenewed(ReservationKey key)
    {
        lock (_gate)
        {
            if (_comingBack is not { } coming || coming.Key != key)
            {
                return;
            }

            _comingBack = null;
            _fenced = null;
            _wentRedirected = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            coming.Renewed.TrySetResult();
        }

        VolumeClientLog.WentDirect(_log, _settings.Volume, key.ToString());
    }
}
