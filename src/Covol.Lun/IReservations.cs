using Covol.Protocol.Ids;

namespace Covol.Lun;

/// <summary>
/// SCSI-3 persistent reservations of one LUN (SPC-4 5.13) as Covol uses them: one all-registrants, write-exclusive reservation;
/// whoever is registered may write, whoever is not is refused. The LUN's word is law: no lease, election or file decides who
/// may write. Calls block and belong off the data path. A key is a life of its own and is never registered twice.
/// </summary>
public interface IReservations
{
    /// <summary>Registers a key for this device's I/O. Always allowed (that is why epochs name keys, SAFETY 2).</summary>
    void Register(ReservationKey key);

    /// <summary>Takes, or joins, the write-exclusive all-registrants reservation. The caller is registered.</summary>
    void Reserve();

    /// <summary>All registered keys, in no order.</summary>
    IReadOnlyList<ReservationKey> ReadKeys();

    /// <summary>
    /// Key fence: the victim's key is gone, and when this returns none of its I/O is in flight any more; a holder that does not
    /// drain within <paramref name="drainLimit"/> is ended (PREEMPT AND ABORT). A victim that is not registered is already
    /// fenced. Throws <see cref="LunError.ReservationConflict"/> when <paramref name="own"/> is not registered.
    /// </summary>
    void PreemptAndAbort(ReservationKey own, ReservationKey victim, TimeSpan drainLimit);

    /// <summary>Gives up this device's key after its own I/O has ended.</summary>
    void Unregister();
}
