using Covol.Protocol.Ids;

namespace Covol.VolumeClient;

/// <summary>A session as its client knows it. It outlives connections and coordinators; it ends when the coordinator says so.</summary>
internal sealed class ClientSession
{
    private volatile bool _isOver;

    public ClientSession(SessionId id, int slotCount, int reservedSlotCount, int blockSize, int clusterSize)
    {
        Id = id;
        Slots = new SessionSlots(id, slotCount, reservedSlotCount);
        BlockSize = blockSize;
        ClusterSize = clusterSize;
    }

    public SessionId Id { get; }

    public SessionSlots Slots { get; }

    public int BlockSize { get; }

    public int ClusterSize { get; }

    /// <summary>Ended: its slots are of no meaning any more.</summary>
    public bool IsOver => _isOver;

    public void End()
    {
        _isOver = true;
        Slots.AllOver();
    }
}
