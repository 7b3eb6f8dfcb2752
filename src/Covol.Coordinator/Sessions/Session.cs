using Covol.Coordinator.Metadata;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Transport;

namespace Covol.Coordinator.Sessions;

/// <summary>One client of the volume. On the coordinator's thread only.</summary>
internal sealed class Session
{
    /// <summary>Lock resolutions that are told again when the client comes back over a new connection.</summary>
    private const int ResolvedMax = 512;

    private readonly Queue<LockResolved> _resolved = new();

    public Session(SessionId id, NodeId node, Guid mountId, ReservationKey dataKey, int slotCount, int reservedSlotCount)
    {
        Id = id;
        Node = node;
        MountId = mountId;
        DataKey = dataKey;
        SlotCount = slotCount;
        Slots = new Slot[slotCount + reservedSlotCount];
        for (var index = 0; index < Slots.Length; index++)
        {
            Slots[index] = new Slot();
        }
    }

    public SessionId Id { get; }

    public NodeId Node { get; }

    public Guid MountId { get; }

    public ReservationKey DataKey { get; set; }

    public int SlotCount { get; }

    public Slot[] Slots { get; }

    /// <summary>Its connections: one a cluster network. Notices go over all of them; the client takes the first.</summary>
    public List<IVolumeCaller> Callers { get; } = [];

    public Dictionary<HandleId, FileId> Handles { get; } = [];

    /// <summary>It lived before this coordinator and has not said yet that it reclaimed everything.</summary>
    public bool IsReclaiming { get; set; }

    /// <summary>It is being ended: nothing new is taken from it.</summary>
    public bool IsEnding { get; set; }

    public StateChange.SessionKept ToKept() => new(Id, Node, MountId, DataKey, SlotCount);

    public void Notify(VolumeNotice notice)
    {
        if (notice is LockResolved resolved)
        {
            if (_resolved.Count >= ResolvedMax)
            {
                _resolved.Dequeue();
            }

            _resolved.Enqueue(resolved);
        }

        foreach (var caller in Callers)
        {
            caller.Notify(notice);
        }
    }

    /// <summary>
    /// A new connection: what may have been lost with the old one is said again. Hearing it twice does no harm.
    /// </summary>
    public void Attach(IVolumeCaller caller)
    {
        if (Callers.Contains(caller))
        {
            return;
        }

        Callers.Add(caller);
        foreach (var resolved in _resolved)
        {
            caller.Notify(resolved);
        }
    }
}
