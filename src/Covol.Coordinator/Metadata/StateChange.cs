using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Coordinator.Metadata;

/// <summary>
/// A change of what the coordinator itself keeps in the journal. It is stable together with the volume's changes of its group.
/// </summary>
internal abstract record StateChange
{
    private StateChange()
    {
    }

    /// <summary>
    /// A session is there; nothing of it exists before this is stable (SAFETY 21). Also its new data key after a fence.
    /// </summary>
    public sealed record SessionKept(SessionId Session, NodeId Node, Guid MountId, ReservationKey DataKey, int SlotCount) : StateChange;

    /// <summary>Stable before the session's opens and locks are dropped.</summary>
    public sealed record SessionGone(SessionId Session) : StateChange;

    /// <summary>
    /// Of a session that was evicted, stable together with its end: its node may still read under its lease, so until
    /// <see cref="LeaseOver"/> no cluster gets another owner, whoever coordinates by then (SAFETY 7).
    /// </summary>
    public sealed record LeaseLeft(SessionId Session) : StateChange;

    public sealed record LeaseOver(SessionId Session) : StateChange;

    /// <summary>What a slot's last changing request was answered: sent again, it gets this (SAFETY I5).</summary>
    public sealed record Answered(RequestId Id, VolumeReply Reply) : StateChange;

    /// <summary>A flush of the LUN failed after the file was written: its synchronisations say so from now on.</summary>
    public sealed record WritesLost(FileId File) : StateChange;

    /// <summary>Those who wrote the file know, or the file is gone.</summary>
    public sealed record WritesForgotten(FileId File) : StateChange;

    /// <summary>
    /// A session may write behind the file's valid length: stable before it hears of it, so that a later coordinator asks it before it
    /// says how long the file is (SAFETY 13).
    /// </summary>
    public sealed record TailClaimed(FileId File, SessionId Session, LayoutGeneration Generation) : StateChange;

    /// <summary>All that was written there is told, and nobody writes there any more.</summary>
    public sealed record TailEnded(FileId File) : StateChange;

    /// <summary>The session is over: what it wrote in its tails and did not tell will never be valid.</summary>
    public sealed record TailsCut(SessionId Session) : StateChange;

    /// <summary>
    /// Where an append goes. Size grows before the data is there, so an append that a crash cut short and that comes again
    /// must not look
    /// for the end of the file anew.
    /// </summary>
    public sealed record AppendPlaced(RequestId Id, long Offset) : StateChange;
}
