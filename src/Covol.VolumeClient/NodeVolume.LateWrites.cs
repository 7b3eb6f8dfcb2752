using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.VolumeClient;

/// <content>
/// Direct writes that failed and may still land: nothing is written another way, no layout goes back and no tail is told before their key is
/// fenced and drained (SAFETY 1, 3, 9). Such a write keeps its pin until then, so all that waits for I/O in flight waits for it too.
/// </content>
public sealed partial class NodeVolume
{
    // Under the gate.
    private readonly List<LateWrite> _lateWrites = [];
    private readonly HashSet<ReservationKey> _leftUnfenced = [];
    private volatile TaskCompletionSource? _lateWritesOver;

    /// <summary>
    /// Whether a write that failed under the present key may still land. Then the key has to stay registered when this node lets go of the LUN:
    /// only a key that is there can be preempted and drained. Final after <see cref="DisposeAsync"/>. Any thread.
    /// </summary>
    public bool MayStillWrite
    {
        get
        {
            var key = _keeper.DataKey;
            lock (_gate)
            {
                return _leftUnfenced.Contains(key) || _lateWrites.Exists(write => write.Key == key);
            }
        }
    }

    /// <summary>
    /// Instead of <see cref="OpenFile.WriteEnded"/>, where the LUN cannot say that a write which failed is over. The node goes redirected, the
    /// coordinator is asked to fence its key, and redirected writes wait for that. Any thread; allocates, as a failure may.
    /// </summary>
    public void MayLandLater(OpenFile handle, LayoutSnapshot pinned, FileByteOffset offset, int length)
    {
        if (!_settings.FencesLateWrites)
        {
            handle.WriteEnded(pinned, offset, length, succeeded: false);
            return;
        }

        lock (_gate)
        {
            _lateWrites.Add(new LateWrite(_keeper.DataKey, () => handle.WriteEnded(pinned, offset, length, succeeded: false)));
            if (_lateWritesOver is null)
            {
                // Where the volume is just being given up here, the coordinator fences what is left of it.
                _lateWritesOver = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _work.TryStart(FenceLateWritesAsync);
            }
        }
    }

    /// <summary>Until then a write that goes another way could be overtaken. Refused with IoFailed after the wait limit.</summary>
    private async ValueTask LateWritesOverAsync()
    {
        if (_lateWritesOver is not { } over)
        {
            return;
        }

        try
        {
            await over.Task.WaitAsync(_settings.IoWaitLimit, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new VolumeException(
                VolumeError.IoFailed,
                $"An earlier write of this node may still land, and its key was not fenced within {_settings.IoWaitLimit.TotalSeconds:0} s. "
                + _keeper.WaitingFor);
        }
    }

    private async Task FenceLateWritesAsync()
    {
        while (true)
        {
            ReservationKey key;
            lock (_gate)
            {
                if (_lateWrites.Count == 0)
                {
                    if (!_keeper.IsStopping)
                    {
                        _lateWritesOver!.TrySetResult();
                        _lateWritesOver = null;
                    }

                    return;
                }

                key = _lateWrites[0].Key;
            }

            if (await TryFenceAsync(key).ConfigureAwait(false))
            {
                EndLateWrites(key);
                continue;
            }

            if (_keeper.IsStopping)
            {
                // Nobody can be told any more what their pins keep back.
                lock (_gate)
                {
                    _leftUnfenced.Add(key);
                }

                EndLateWrites(key);
                continue;
            }

            await Task.Delay(_settings.RenewEvery, _time).ConfigureAwait(false);
        }
    }

    private async Task<bool> TryFenceAsync(ReservationKey key)
    {
        try
        {
            var sent = await _keeper.SendAsync(new FenceKey(key), default, default, Urgency.Layout).ConfigureAwait(false);
            if (sent.Reply is not Refused refused)
            {
                return true;
            }

            VolumeClientLog.NotFenced(_log, _settings.Volume, key, refused.Detail);
        }
        catch (VolumeException failure)
        {
            // A session that ended was fenced by who ended it; when that is over, the next session's coordinator says.
            VolumeClientLog.NotFenced(_log, _settings.Volume, key, failure.Message);
        }

        return false;
    }

    /// <summary>What was submitted under that key has landed by now or never will; all that failed under it failed before the fence.</summary>
    private void EndLateWrites(ReservationKey key)
    {
        List<LateWrite> over;
        lock (_gate)
        {
            over = _lateWrites.FindAll(write => write.Key == key);
            _lateWrites.RemoveAll(write => write.Key == key);
        }

        foreach (var write in over)
        {
            write.Unpin();
        }
    }

    /// <summary>
    /// Under the gate. The session has ended, so its layouts are nobody's to give back, and who ended it fences what they cover. A new session
    /// begins only without pins; its writes wait for the fence as before.
    /// </summary>
    private void UnpinLateWrites()
    {
        foreach (var write in _lateWrites)
        {
            write.Unpin();
        }
    }

    private sealed class LateWrite(ReservationKey key, Action unpin)
    {
        private int _isUnpinned;

        /// <summary>Under which it was submitted.</summary>
        public ReservationKey Key => key;

        public void Unpin()
        {
            if (Interlocked.Exchange(ref _isUnpinned, 1) == 0)
            {
                unpin();
            }
        }
    }
}
