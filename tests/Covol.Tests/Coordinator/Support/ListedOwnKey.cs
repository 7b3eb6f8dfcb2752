using Covol.Coordinator.OwnKey;
using Covol.Lun;
using Covol.Protocol.Ids;

namespace Covol.Tests.Coordinator.Support;

/// <summary>The own key, as a LUN in memory lists it.</summary>
internal sealed class ListedOwnKey(IReservations lun, ReservationKey own) : IOwnKey
{
    public bool IsLiveNow => lun.ReadKeys().Contains(own);
}
