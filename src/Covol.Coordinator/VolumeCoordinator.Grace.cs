using Covol.Coordinator.Sessions;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;
using Covol.Protocol.Volume;

namespace Covol.Coordinator;

/// <summary>How long grace runs: who is just reclaiming is not cut off by the clock.</summary>
public sealed partial class VolumeCoordinator
{
    /// <summary>A client reclaims one handle after the other; between two of them it is not silent.</summary>
    private static readonly TimeSpan s_betweenReclaims = TimeSpan.FromMilliseconds(500);

    private int _reclaimsInside;
    private Moment _lastReclaimLeft;
    private Moment _graceLimit;

    private void StartGraceTimer()
    {
        _graceLimit = _thread.Now + _options.GraceLimit;
        _thread.At(_thread.Now + _options.GraceMax, EndGraceInTime);
    }

    /// <summary>
    /// The time is over. Where a reclaim is inside the coordinator, waiting for the LUN or the metadata thread, its session did what it
    /// had to: grace goes on until it is through, up to a limit.
    /// </summary>
    private void EndGraceInTime()
    {
        var isReclaiming = _reclaimsInside > 0
            || (_lastReclaimLeft != default && _thread.Now < _lastReclaimLeft + s_betweenReclaims);
        if (InGrace && isReclaiming && _thread.Now < _graceLimit)
        {
            _thread.At(_thread.Now + (s_betweenReclaims / 5), EndGraceInTime);
            return;
        }

        EndGrace("The time to reclaim is over.");
    }

    private async Task<VolumeReply> ReclaimInsideAsync(Session session, ReclaimHandle reclaim)
    {
        _reclaimsInside++;
        try
        {
            return await ReclaimHandleAsync(session, reclaim);
        }
        finally
        {
            _reclaimsInside--;
            _lastReclaimLeft = _thread.Now;
        }
    }

    /// <summary>After each wait inside a reclaim: what ended meanwhile gets nothing back, or it would stay for ever.</summary>
    private void RequireReclaiming(Session session, HandleId handle)
    {
        if (!InGrace || session.IsEnding)
        {
            Forget(session, handle);
            throw new VolumeException(VolumeError.ReclaimRefused, $"The time to reclaim ended while {session.Id} reclaimed {handle}.");
        }
    }
}
