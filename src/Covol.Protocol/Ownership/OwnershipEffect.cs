using Covol.Protocol.Ids;
using Covol.Protocol.Store;
using Covol.Protocol.Units;

namespace Covol.Protocol.Ownership;

/// <summary>What a volume's ownership machine wants done. The set is closed: a switch over it names all.</summary>
public abstract record OwnershipEffect
{
    private protected OwnershipEffect()
    {
    }
}

/// <summary>Get a coordinator key that was never handed out. Answer: <see cref="KeyAllocated"/>.</summary>
public sealed record AllocateKey : OwnershipEffect;

/// <summary>Start a coordinator process: it registers this key on the LUN and reports Standby.</summary>
public sealed record StartStandby(ReservationKey Key) : OwnershipEffect;

/// <summary>
/// Replace the record if it still has this revision, and delete the move order where <paramref name="DeletesMoveOrder"/>. One is in
/// flight at a time. Answer: <see cref="RecordSeen"/> where something is known, then <see cref="WriteAnswered"/>.
/// </summary>
public sealed record WriteRecord(StoreRevision Expected, OwnershipRecord Record, bool DeletesMoveOrder) : OwnershipEffect;

/// <summary>Delete the move order: it is fulfilled or cannot be.</summary>
public sealed record DeleteMoveOrder : OwnershipEffect;

/// <summary>The epoch that names this key is won: the standby fences, replays and serves.</summary>
public sealed record Activate(ReservationKey Key, Epoch Epoch, IReadOnlyList<ReservationKey> KeysToFence) : OwnershipEffect;

/// <summary>
/// Tell the coordinator that a node was evicted; one that does not serve yet does it before it serves. Answer: <see cref="EvictionTold"/>.
/// </summary>
public sealed record TellEviction(ReservationKey Key, NodeId Node, long Incarnation) : OwnershipEffect;

/// <summary>The coordinator drains, checkpoints, unregisters and ends.</summary>
public sealed record HandOver(ReservationKey Key) : OwnershipEffect;

/// <summary>End the process by force. Answer: <see cref="CoordinatorEnded"/>.</summary>
public sealed record StopCoordinator(ReservationKey Key) : OwnershipEffect;

/// <summary>Tell this node's mount process who answers for the volume.</summary>
public sealed record Attach(OwnershipRecord Record) : OwnershipEffect;

/// <summary>The volume was removed from the cluster.</summary>
public sealed record Detach : OwnershipEffect;

/// <summary>Step again with <see cref="TimerFired"/> then. Replaces the one before.</summary>
public sealed record SetTimer(Moment At) : OwnershipEffect;

/// <summary>Something people want to know: the machine's stage and a sentence.</summary>
public sealed record Report(OwnershipStage Stage, string Sentence) : OwnershipEffect;
