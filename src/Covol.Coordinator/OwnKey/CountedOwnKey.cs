using Covol.Lun;

namespace Covol.Coordinator.OwnKey;

/// <summary>
/// The own key on a LUN that counts I/O per key in memory shared with whoever preempts it (file LUNs): entering fails from the
/// moment of the preempt on. Not for a LUN whose gate does not know of a preempt by another host at once.
/// </summary>
public sealed class CountedOwnKey(IRingTarget lun) : IOwnKey
{
    public bool IsLiveNow
    {
        get
        {
            if (!lun.TryEnter())
            {
                return false;
            }

            lun.Leave();
            return true;
        }
    }
}
