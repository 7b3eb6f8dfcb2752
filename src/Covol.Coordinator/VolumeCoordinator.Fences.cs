using Covol.Coordinator.Sessions;
using Covol.Lun;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Ownership;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>Fences of keys that are asked for, or that no layout was ever granted under.</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>A key that its session came back with and never got to use: it is registered, and nobody would ever take it away.</summary>
    private async Task FenceUnusedAsync(Session session, ReservationKey key)
    {
        try
        {
            await _fences.RunAsync(() =>
            {
                _parts.Reservations.PreemptAndAbort(_parts.OwnKey, key, _options.DrainLimit);
                return true;
            });
            CoordinatorLog.Fenced(_log, _parts.VolumeName, key, session.Id);
        }
        catch (LunException failure) when (failure.Error != LunError.ReservationConflict)
        {
            CoordinatorLog.FenceFailed(_log, _parts.VolumeName, key, session.Id, failure.Message);
        }
    }

    /// <summary>A node asks for the fence of its own key, because something that it submitted under it may still land (SAFETY 3, 9).</summary>
    private async Task<VolumeReply> FenceKeyAsync(Session session, ReservationKey key)
    {
        var isOwn = key == session.DataKey;
        if (isOwn)
        {
            var fenced = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _fenceWaiters.Add((session.Id, fenced));
            StepLayouts(new LayoutInput.FenceSession(session.Id, "a write under its key failed and may still land"));
            await fenced.Task;
        }
        else if (KeyLayout.IsCoordinator(key) || KeyLayout.Node(key) != session.Node || KeyLayout.Tag(key) != KeyLayout.Tag(session.DataKey))
        {
            throw new VolumeException(VolumeError.BadRequest, $"{key} is no data key of {session.Node}.");
        }

        try
        {
            // One of an earlier life may just be fenced with its session, which this waits for; of the present one nothing is left, unless a
            // session that came back with it was fenced before and got no layout since.
            var isGone = await _fences.RunAsync(() =>
            {
                if (!isOwn || _parts.Reservations.ReadKeys().Contains(key))
                {
                    _parts.Reservations.PreemptAndAbort(_parts.OwnKey, key, _options.DrainLimit);
                }

                return !_parts.Reservations.ReadKeys().Contains(key);
            });
            return isGone
                ? Done.Instance
                : throw new VolumeException(VolumeError.Busy, $"The LUN still shows {key}; ask again.");
        }
        catch (LunException failure) when (failure.Error != LunError.ReservationConflict)
        {
            throw new VolumeException(VolumeError.Busy, $"{key} is not fenced yet: {failure.Message} Ask again.", failure);
        }
    }
}
