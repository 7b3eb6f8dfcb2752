using Covol.Protocol.Ids;

namespace Covol.Protocol.Sessions;

/// <summary>One client of the volume, as the coordinator knows it.</summary>
public sealed class Session
{
    internal Session(SessionId id, NodeId node, Guid mountId, ReservationKey dataKey, int slotCount, int reservedSlotCount)
    {
        Id = id;
        Node = node;
        MountId = mountId;
        DataKey = dataKey;
        SlotCount = slotCount;
        Slots = new SessionSlot[slotCount + reservedSlotCount];
    }

    public SessionId Id { get; }

    public NodeId Node { get; }

    /// <summary>The FUSE mount it belongs to (SAFETY 20).</summary>
    public Guid MountId { get; }

    /// <summary>Under which it writes the LUN now.</summary>
    public ReservationKey DataKey { get; internal set; }

    public int SlotCount { get; }

    public int ReservedSlotCount => Slots.Length - SlotCount;

    /// <summary>Journalled: it may have state.</summary>
    public bool IsStable { get; internal set; }

    /// <summary>Its end is on its way to the journal: nothing is taken from it any more.</summary>
    public bool IsEnding { get; internal set; }

    internal SessionSlot[] Slots { get; }
}
