using Covol.Transport;

namespace Covol.Coordinator;

/// <summary>The coordinator's own key: without it nothing is said (SAFETY 2).</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>
    /// Any thread, after an answer was made and before it leaves. False: another coordinator took over; this one ends and the
    /// answer is not given.
    /// </summary>
    private bool MaySpeak()
    {
        if (!_options.ChecksOwnKey || _parts.OwnKeyLife.IsLiveNow)
        {
            return true;
        }

        Fail(OwnKeyGone(), null);
        return false;
    }

    /// <summary>
    /// Every answer is checked by itself (<see cref="MaySpeak"/>); this look ends a deposed coordinator that nobody asks anything.
    /// It has a thread of its own, so that no fence and no reclaim delays it.
    /// </summary>
    private void WatchOwnKey() => _thread.At(_thread.Now + _options.KeyWatch, () => Background(async () =>
    {
        if (await _keyWatch.RunAsync(() => _parts.Reservations.ReadKeys().Contains(_parts.OwnKey)))
        {
            WatchOwnKey();
        }
        else
        {
            Fail(OwnKeyGone(), null);
        }
    }));

    private string OwnKeyGone() =>
        $"{_parts.OwnKey} is not registered on the LUN any more: a coordinator of a higher epoch took over.";

    private ConnectionLostException Deposed() => new($"The coordinator failed: {OwnKeyGone()}");
}
