using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Store;

namespace Covol.Protocol.Ownership;

/// <summary>What happens to a volume's ownership on one node. The set is closed: a switch over it names all.</summary>
public abstract record OwnershipInput
{
    private protected OwnershipInput()
    {
    }
}

/// <summary>
/// First input: the control plane has started and looked for a coordinator process of this volume that an earlier control plane
/// left running. <paramref name="Key"/> is that process's key; null: there is none.
/// </summary>
public sealed record Started(ReservationKey? Key, CoordinatorPhase Phase, IReadOnlyList<string> Endpoints) : OwnershipInput
{
    public static Started WithoutCoordinator { get; } = new(null, CoordinatorPhase.Starting, []);
}

/// <summary>
/// The store's word on who coordinates the volume, from a watch or from an answer, in any order and any number of times: an older
/// revision than the last is ignored. A null record: the volume was removed at that revision.
/// </summary>
public sealed record RecordSeen(StoreRevision Revision, OwnershipRecord? Record) : OwnershipInput;

/// <summary>An administrator's order, or null: there is none (any more).</summary>
public sealed record MoveOrderSeen(MoveOrder? Order) : OwnershipInput;

/// <summary>Who is alive and who is dead, as this node's membership sees it. Who is in neither is in doubt: nothing is done about it.</summary>
public sealed record MembersSeen(IReadOnlySet<NodeId> Alive, IReadOnlySet<NodeId> Dead) : OwnershipInput;

/// <summary>
/// A node was evicted, which is on record: its data keys up to this incarnation. Repeats and older ones do no harm.
/// </summary>
public sealed record EvictionSeen(NodeId Node, long Incarnation) : OwnershipInput;

/// <summary>
/// The process with this key was told of an eviction. <paramref name="Done"/>: it has fenced the node and ended its sessions; else it is
/// told again.
/// </summary>
public sealed record EvictionTold(ReservationKey Key, NodeId Node, long Incarnation, bool Done) : OwnershipInput;

/// <summary>A fresh coordinator key, never handed out before. Null: the store did not give one.</summary>
public sealed record KeyAllocated(ReservationKey? Key) : OwnershipInput;

/// <summary>The process with this key is that far and listens there. It tells each change; repeats do no harm.</summary>
public sealed record CoordinatorReported(ReservationKey Key, CoordinatorPhase Phase, IReadOnlyList<string> Endpoints) : OwnershipInput;

/// <summary>The process with this key is gone, or could not be started.</summary>
public sealed record CoordinatorEnded(ReservationKey Key, string Reason) : OwnershipInput;

/// <summary>
/// The transaction of a <see cref="WriteRecord"/> was answered: it happened, or it was refused because the record had changed, or
/// nobody knows. What the record is now follows as <see cref="RecordSeen"/> before this where it is known.
/// </summary>
public sealed record WriteAnswered(bool? Happened) : OwnershipInput;

/// <summary>The moment of the last <see cref="SetTimer"/> has come. An early or late one does no harm.</summary>
public sealed record TimerFired : OwnershipInput;

/// <summary>The node is about to stop in good order: hand the volume over and claim none from now on.</summary>
public sealed record ShutdownOrdered : OwnershipInput;
