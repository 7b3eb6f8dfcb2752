using System.Threading.Channels;
using Covol.Protocol;
using Covol.Protocol.Ids;

namespace Covol.VolumeClient;

/// <summary>
/// The bounded places of a session from which requests are sent. A slot carries one request at a time, sequence numbers have no
/// gaps, and a slot whose last request is in doubt carries no other until that one is settled (SAFETY 16, 20). Reserved slots serve returns,
/// renewals, unlocks and closes, so that a recall is answered even while all others wait (SAFETY 22). The last of them is the keeper's own:
/// the others may all carry requests that wait for a link, and only the keeper's requests make one. Any thread.
/// </summary>
internal sealed class SessionSlots
{
    private readonly SessionId _session;
    private readonly int _slotCount;
    private readonly int _own;
    private readonly long[] _sequences;
    private readonly Lock _gate = new();
    private readonly List<int> _inDoubt = [];
    private readonly Dictionary<int, Action> _whenOver = [];
    private bool _ownInDoubt;

    // Never hold more than the session's slots.
    private readonly Channel<int> _free = Channel.CreateUnbounded<int>();
    private readonly Channel<int> _freeReserved = Channel.CreateUnbounded<int>();

    public SessionSlots(SessionId session, int slotCount, int reservedSlotCount)
    {
        Invariant.Holds(slotCount > 0 && reservedSlotCount > 1, "A session without ordinary or two reserved slots cannot work.");
        _session = session;
        _slotCount = slotCount;
        _sequences = new long[slotCount + reservedSlotCount];
        _own = _sequences.Length - 1;
        for (var slot = 0; slot < _own; slot++)
        {
            Free(slot);
        }
    }

    /// <summary>Takes a free slot, waiting for one, and names the next request in it.</summary>
    public async ValueTask<RequestId> TakeAsync(bool reserved, CancellationToken cancellation)
    {
        var slot = await (reserved ? _freeReserved : _free).Reader.ReadAsync(cancellation).ConfigureAwait(false);
        lock (_gate)
        {
            return new RequestId(_session, slot, ++_sequences[slot]);
        }
    }

    /// <summary>The request in the keeper's own slot that has no answer yet; it is settled before the slot is used again.</summary>
    public RequestId? OwnInDoubt
    {
        get
        {
            lock (_gate)
            {
                return _ownInDoubt ? new RequestId(_session, _own, _sequences[_own]) : null;
            }
        }
    }

    /// <summary>Names the next request in the keeper's own slot, which sends one at a time; in doubt until <see cref="OwnAnswered"/>.</summary>
    public RequestId NextOwn()
    {
        lock (_gate)
        {
            Invariant.Holds(!_ownInDoubt, "The keeper's own slot was used while its last request was in doubt.");
            _ownInDoubt = true;
            return new RequestId(_session, _own, ++_sequences[_own]);
        }
    }

    public void OwnAnswered()
    {
        lock (_gate)
        {
            _ownInDoubt = false;
        }
    }

    /// <summary>The request was answered, or settled.</summary>
    public void Answered(RequestId id)
    {
        Action? over;
        lock (_gate)
        {
            _whenOver.Remove(id.Slot, out over);
        }

        over?.Invoke();
        Free(id.Slot);
    }

    /// <summary>The request was given up without an answer: it may or may not have been, or still be, carried out.</summary>
    /// <param name="id">Which.</param>
    /// <param name="over">Called once when that is known. Null: nobody wants to know, or said so before.</param>
    public void LeftInDoubt(RequestId id, Action? over = null)
    {
        lock (_gate)
        {
            _inDoubt.Add(id.Slot);
            if (over is not null)
            {
                _whenOver[id.Slot] = over;
            }
        }
    }

    /// <summary>The session has ended, and with it whatever was asked in it.</summary>
    public void AllOver()
    {
        Action[] all;
        lock (_gate)
        {
            all = [.. _whenOver.Values];
            _whenOver.Clear();
        }

        foreach (var over in all)
        {
            over();
        }
    }

    /// <summary>Requests left in doubt so far. The caller settles each, then calls <see cref="Answered"/>, or leaves it in doubt again.</summary>
    public IReadOnlyList<RequestId> TakeInDoubt()
    {
        lock (_gate)
        {
            var ids = _inDoubt.ConvertAll(slot => new RequestId(_session, slot, _sequences[slot]));
            _inDoubt.Clear();
            return ids;
        }
    }

    private void Free(int slot) =>
        Invariant.Holds(
            (slot < _slotCount ? _free : _freeReserved).Writer.TryWrite(slot), "A session's pool of slots refuses a slot.");
}
