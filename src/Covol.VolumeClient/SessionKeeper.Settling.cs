using Covol.Transport;

namespace Covol.VolumeClient;

/// <summary>
/// Requests that were given up while their link lives: they are settled over that link, at once. The coordinator learns by it that
/// the request was given up (a write that still runs puts its file in doubt, so nothing written later is overtaken), and the slot
/// comes back into use (I3).
/// </summary>
internal sealed partial class SessionKeeper
{
    private Task _settling = Task.CompletedTask;

    /// <summary>After <see cref="SessionSlots.LeftInDoubt"/>. The chain is no longer than the session has slots.</summary>
    private void SettleSoon(SessionLink link)
    {
        lock (_gate)
        {
            if (link.Retired.IsCompleted)
            {
                // The next link settles before it is used; it may have done so already, before this was given up.
                link = _link ?? _settlingLink ?? link;
            }

            if (_stop.IsCancellationRequested || link.Retired.IsCompleted)
            {
                return;
            }

            var before = _settling;
            _settling = BackgroundWork.Guarded(async () =>
            {
                await before.ConfigureAwait(false);
                await SettleOverAsync(link).ConfigureAwait(false);
            });
        }
    }

    /// <summary>What is being settled over an earlier link is through, or in doubt again.</summary>
    private Task SettledAsync()
    {
        lock (_gate)
        {
            return _settling;
        }
    }

    private async Task SettleOverAsync(SessionLink link)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var settled = SettleUntilAnsweredAsync(link, ended.Token);
        await Task.WhenAny(settled, link.Retired).ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        await settled.ConfigureAwait(false);
    }

    private async Task SettleUntilAnsweredAsync(SessionLink link, CancellationToken ended)
    {
        // Each try takes up to the wait limit. The link stays: one write that hangs in the LUN is no reason to stop all others.
        while (!link.Connection.Closed.IsCompleted)
        {
            try
            {
                await SettleAsync(link, ended).ConfigureAwait(false);
                return;
            }
            catch (OperationCanceledException) when (ended.IsCancellationRequested)
            {
                // In doubt again; the next link settles it before it is used.
                return;
            }
            catch (ConnectionLostException lost)
            {
                VolumeClientLog.NotSettled(_log, _settings.Volume, lost.Message);
                await Task.WhenAny(link.Connection.Closed, link.Retired, Task.Delay(_settings.RenewEvery, _time, CancellationToken.None))
                    .ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// A request that was given up may run at the coordinator and wait for a layout of this node, or for what its tail holds: these answers
    /// go over the link already.
    /// </summary>
    private void BeginSettling(SessionLink link)
    {
        TaskCompletionSource linked;
        lock (_gate)
        {
            _settlingLink = link;
            linked = _linked;
        }

        linked.TrySetResult();
    }

    private void GiveUpSettling(SessionLink link)
    {
        lock (_gate)
        {
            _settlingLink = null;
        }

        link.Retire("What was given up could not be settled.");
    }
}
