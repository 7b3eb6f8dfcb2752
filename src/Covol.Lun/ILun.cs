namespace Covol.Lun;

/// <summary>
/// One opened LUN with all that Covol needs of it: synchronous I/O, reservations, and submission by a ring. One opened LUN is
/// one nexus in SCSI's words: it holds at most one key, once; for a new key the LUN is opened again (SAFETY 4).
/// </summary>
public interface ILun : IBlockDevice, IReservations, IRingTarget
{
}
