using Covol.Protocol.Ids;
using Covol.Protocol.Volume;

namespace Covol.Protocol.Sessions;

/// <summary>
/// The client's side of a session: which slot and sequence number a request takes, and which requests are in doubt after a
/// connection broke. Single-threaded; nothing in it waits.
/// </summary>
/// <typeparam name="TCall">What the driver keeps of a request: the record, its data, who waits for it.</typeparam>
public sealed class SlotAllocator<TCall>
    where TCall : class
{
    private readonly Stack<int> _free = new();
    private readonly Stack<int> _freeReserved = new();
    private readonly LinkedList<(RequestId Id, TCall Call)> _outstanding = new();
    private readonly LinkedListNode<(RequestId Id, TCall Call)>?[] _inSlot;
    private readonly long[] _sequences;
    private readonly int _slotCount;

    public SlotAllocator(SessionId session, int slotCount, int reservedSlotCount)
    {
        Invariant.Holds(slotCount > 0 && reservedSlotCount >= 0, "A session has at least one slot.");
        Session = session;
        _slotCount = slotCount;
        _sequences = new long[slotCount + reservedSlotCount];
        _inSlot = new LinkedListNode<(RequestId, TCall)>?[_sequences.Length];
        for (var slot = _sequences.Length - 1; slot >= 0; slot--)
        {
            StackOf(slot).Push(slot);
        }
    }

    public SessionId Session { get; }

    /// <summary>
    /// Requests that were begun and not answered, oldest first. After a reconnect or a takeover each is sent again under its id: the
    /// coordinator answers what it had done already and carries out the rest.
    /// </summary>
    public IReadOnlyCollection<(RequestId Id, TCall Call)> Outstanding => _outstanding;

    /// <summary>
    /// Null: no slot is free, wait for an answer. What gives back or keeps alive finds a slot while all others wait (SAFETY 22).
    /// </summary>
    public RequestId? TryBegin(VolumeRequest request, TCall call)
    {
        if (!_free.TryPop(out var slot)
            && !(RequestNatures.MayUseReservedSlot(request) && _freeReserved.TryPop(out slot)))
        {
            return null;
        }

        var id = new RequestId(Session, slot, ++_sequences[slot]);
        _inSlot[slot] = _outstanding.AddLast((id, call));
        return id;
    }

    /// <summary>
    /// The answer came: the slot is free again. Null for an answer that came before (it was sent again and both were answered).
    /// </summary>
    public TCall? Answered(RequestId id)
    {
        if (id.Session != Session || id.Slot < 0 || id.Slot >= _inSlot.Length || _inSlot[id.Slot] is not { } node || node.Value.Id != id)
        {
            return null;
        }

        _inSlot[id.Slot] = null;
        _outstanding.Remove(node);
        StackOf(id.Slot).Push(id.Slot);
        return node.Value.Call;
    }

    private Stack<int> StackOf(int slot) => slot < _slotCount ? _free : _freeReserved;
}
