using System.Buffers;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Covol.Protocol.Wire;

namespace Covol.Protocol.Sessions;

/// <summary>
/// The coordinator's sessions and what makes their requests happen exactly once. Single-threaded; nothing in it waits.
/// <code>
/// request ─► Begin ─► Execute ─► (carried out) ─► RecordAnswer ─► commit ─► Complete ─► answer
///              ├────► Replay: the answer again          InProgress: wait for the one that runs
///              └────► Refuse: old, skipped, unknown
/// </code>
/// What it writes with a <see cref="StateWriter"/> must be committed before anybody is answered; after a crash or a takeover
/// <see cref="Apply"/> of the same bytes gives the same table.
/// </summary>
public sealed class SessionTable(SessionLimits limits)
{
    private const byte BodyVersion = 1;

    private readonly SortedDictionary<long, Session> _sessions = [];
    private long _nextSession = 1;

    /// <summary>Those that exist, by number.</summary>
    public IReadOnlyCollection<Session> Sessions => _sessions.Values;

    public Session? Find(SessionId id) => _sessions.GetValueOrDefault(id.Value);

    /// <summary>
    /// Opens or resumes a session. Without a resume, a session of the same mount that was never used is given again (its answer was
    /// lost on the way); one that was used belongs to an earlier life of the mount process and is replaced.
    /// </summary>
    public SessionOutcome Open(OpenSession request, StateWriter changes)
    {
        if (request.Resume is { } resume)
        {
            return Resume(request, resume, changes);
        }

        if (request.SlotCount < 1)
        {
            return new SessionRefused(VolumeError.BadRequest, "A session needs at least one slot.");
        }

        var earlier = _sessions.Values.FirstOrDefault(
            session => !session.IsEnding && session.Node == request.Node && session.MountId == request.MountId);
        if (earlier is not null && earlier.Slots.All(slot => slot.LastSequence == 0))
        {
            SetKey(earlier, request.DataKey, changes);
            return new SessionReady(earlier, IsNew: false, Replaced: null);
        }

        if (_sessions.Count >= limits.SessionsMax)
        {
            return new SessionRefused(VolumeError.Busy, $"{limits.SessionsMax} sessions are open already.");
        }

        if (earlier is not null)
        {
            RecordEnd(earlier.Id, changes);
        }

        var slotCount = Math.Min(request.SlotCount, limits.SlotCountMax);
        var session = new Session(
            new SessionId(_nextSession++), request.Node, request.MountId, request.DataKey, slotCount, limits.ReservedSlotCount);
        _sessions.Add(session.Id.Value, session);
        Write(session, changes);
        return new SessionReady(session, IsNew: true, earlier?.Id);
    }

    /// <summary>The session's opening is in the journal: it may have state now.</summary>
    public void ConfirmOpened(SessionId id) => Existing(id).IsStable = true;

    /// <summary>What to do with a request.</summary>
    public SlotOutcome Begin(RequestId id, VolumeRequest request)
    {
        if (Find(id.Session) is not { IsEnding: false, IsStable: true } session)
        {
            return new Refuse(VolumeError.SessionUnknown, $"{id.Session} does not exist here.");
        }

        if (id.Slot < 0 || id.Slot >= session.Slots.Length)
        {
            return new Refuse(VolumeError.BadRequest, $"{id.Session} has {session.Slots.Length} slots, not a slot {id.Slot}.");
        }

        if (id.Slot >= session.SlotCount && !RequestNatures.MayUseReservedSlot(request))
        {
            return new Refuse(VolumeError.BadRequest, $"{request.GetType().Name} has no right to the reserved slot {id.Slot}.");
        }

        ref var slot = ref session.Slots[id.Slot];
        if (id.Sequence == slot.LastSequence && id.Sequence > 0)
        {
            return Again(ref slot, request);
        }

        if (id.Sequence <= slot.LastSequence)
        {
            return new Refuse(VolumeError.BadRequest, $"{id} is old: the slot is at {slot.LastSequence}.");
        }

        if (slot.InProgress)
        {
            return new Refuse(VolumeError.BadRequest, $"{id} came while the slot's sequence {slot.LastSequence} is being carried out.");
        }

        if (id.Sequence != slot.LastSequence + 1 && !slot.MaySkip)
        {
            return new Refuse(VolumeError.BadRequest, $"{id} skips: the slot is at {slot.LastSequence}.");
        }

        slot = new SessionSlot { LastSequence = id.Sequence, InProgress = true };
        return Execute.Instance;
    }

    /// <summary>
    /// Puts the answer into the bytes of the commit that carries the request out (<see cref="RequestNature.OnceJournalled"/>, and
    /// writes that extend). A refusal changed nothing and needs no record.
    /// </summary>
    public void RecordAnswer(RequestId id, VolumeReply answer, StateWriter changes)
    {
        if (Find(id.Session) is null)
        {
            return;
        }

        ref var slot = ref Running(id);
        slot.IsJournalled = true;
        slot.Answer = answer;
        WriteAnswer(id, answer, changes);
    }

    /// <summary>
    /// The request was carried out and, where it must be, committed: from now on the answer is replayed. A kept answer counts from
    /// here on only, so that nobody is answered before the commit. Nothing happens where the session ended meanwhile.
    /// </summary>
    public void Complete(RequestId id, VolumeRequest request, VolumeReply answer)
    {
        if (Find(id.Session) is null)
        {
            return;
        }

        ref var slot = ref Running(id);
        slot.InProgress = false;
        slot.Answer = !limits.KeepsAnswers || RequestNatures.Of(request) == RequestNature.Repeatable ? null : answer;
    }

    /// <summary>
    /// The request was not carried out and leaves no trace (the coordinator stopped it): the same sequence number may come again.
    /// </summary>
    public void Abandon(RequestId id)
    {
        if (Find(id.Session) is null)
        {
            return;
        }

        ref var slot = ref Running(id);
        Invariant.Holds(!slot.IsJournalled, "A request was given up after its answer was recorded.");
        slot = new SessionSlot { LastSequence = id.Sequence - 1 };
    }

    /// <summary>
    /// Writes the session's end. Nothing more is taken from it; commit, then drop its opens, locks and layouts, then
    /// <see cref="Drop"/> (SAFETY 21).
    /// </summary>
    public void RecordEnd(SessionId id, StateWriter changes)
    {
        Existing(id).IsEnding = true;
        changes.Begin(StateTag.SessionEnded, BodyVersion);
        changes.WriteInt64(id.Value);
        changes.End();
    }

    /// <summary>After the commit of its end.</summary>
    public void Drop(SessionId id)
    {
        Invariant.Holds(Existing(id).IsEnding, "A session was dropped before its end was journalled.");
        _sessions.Remove(id.Value);
    }

    /// <summary>The whole table, for a checkpoint: what ended or was not journalled yet is not in it.</summary>
    public void WriteCheckpoint(StateWriter state)
    {
        state.Begin(StateTag.NextSession, BodyVersion);
        state.WriteInt64(_nextSession);
        state.End();
        foreach (var session in _sessions.Values.Where(session => !session.IsEnding))
        {
            Write(session, state);
            WriteFloors(session, state);
            for (var slot = 0; slot < session.Slots.Length; slot++)
            {
                var kept = session.Slots[slot];
                if (kept is { IsJournalled: true, Answer: { } answer })
                {
                    WriteAnswer(new RequestId(session.Id, slot, kept.LastSequence), answer, state);
                }
            }
        }
    }

    /// <summary>
    /// Takes over its own sections of a checkpoint or of a committed change, in journal order, and passes over the others'. Throws
    /// <see cref="StateFormatException"/>.
    /// </summary>
    public void Apply(ReadOnlySpan<byte> state)
    {
        var reader = new StateReader(state);
        while (reader.TryReadSection(out var tag, out var version, out var body))
        {
            if (tag is >= StateTag.NextSession and <= StateTag.SlotFloors && version != BodyVersion)
            {
                throw new StateFormatException($"The journal has version {version} of {tag}; this program knows {BodyVersion}.");
            }

            switch (tag)
            {
                case StateTag.NextSession:
                    _nextSession = Math.Max(_nextSession, body.ReadInt64());
                    break;
                case StateTag.Session:
                    ApplySession(ref body);
                    break;
                case StateTag.SessionEnded:
                    _sessions.Remove(body.ReadInt64());
                    break;
                case StateTag.SlotAnswer:
                    ApplyAnswer(ref body);
                    break;
                case StateTag.SlotFloors:
                    ApplyFloors(ref body);
                    break;
                default:
                    break;
            }
        }
    }

    private static void Write(Session session, StateWriter changes)
    {
        changes.Begin(StateTag.Session, BodyVersion);
        changes.WriteInt64(session.Id.Value);
        changes.WriteInt32(session.Node.Value);
        changes.WriteGuid(session.MountId);
        changes.WriteUInt64(session.DataKey.Value);
        changes.WriteInt32(session.SlotCount);
        changes.WriteInt32(session.ReservedSlotCount);
        changes.End();
    }

    // What a slot did without the journal may be done again after a takeover; what came before that may not.
    private static void WriteFloors(Session session, StateWriter state)
    {
        state.Begin(StateTag.SlotFloors, BodyVersion);
        state.WriteInt64(session.Id.Value);
        state.WriteInt32(session.Slots.Length);
        foreach (var slot in session.Slots)
        {
            state.WriteInt64(slot.IsJournalled || slot.LastSequence == 0 ? slot.LastSequence : slot.LastSequence - 1);
        }

        state.End();
    }

    private static void SetKey(Session session, ReservationKey key, StateWriter changes)
    {
        if (session.DataKey != key)
        {
            session.DataKey = key;
            Write(session, changes);
        }
    }

    private SessionOutcome Resume(OpenSession request, SessionId resume, StateWriter changes)
    {
        if (Find(resume) is not { IsEnding: false } session)
        {
            return new SessionRefused(VolumeError.SessionUnknown, $"{resume} ended or never existed.");
        }

        if (session.Node != request.Node || session.MountId != request.MountId)
        {
            return new SessionRefused(VolumeError.BadRequest, $"{resume} belongs to another mount, on {session.Node}.");
        }

        SetKey(session, request.DataKey, changes);
        return new SessionReady(session, IsNew: false, Replaced: null);
    }

    private SlotOutcome Again(ref SessionSlot slot, VolumeRequest request)
    {
        if (slot.InProgress)
        {
            return InProgress.Instance;
        }

        if (slot.Answer is { } answer)
        {
            return new Replay(answer);
        }

        if (limits.KeepsAnswers && RequestNatures.Of(request) != RequestNature.Repeatable)
        {
            return new Refuse(VolumeError.BadRequest, $"A {request.GetType().Name} came under the id of an older, different request.");
        }

        slot.InProgress = true;
        return Execute.Instance;
    }

    private void WriteAnswer(RequestId id, VolumeReply answer, StateWriter changes)
    {
        var bytes = new ArrayBufferWriter<byte>();
        VolumeCodec.Encode(answer, bytes);
        Invariant.Holds(
            bytes.WrittenCount <= limits.AnswerLengthMax, $"A {answer.GetType().Name} is too long to be kept in the journal.");
        changes.Begin(StateTag.SlotAnswer, BodyVersion);
        changes.WriteInt64(id.Session.Value);
        changes.WriteInt32(id.Slot);
        changes.WriteInt64(id.Sequence);
        changes.WriteBytes(bytes.WrittenSpan);
        changes.End();
    }

    private void ApplySession(ref StateReader body)
    {
        var id = new SessionId(body.ReadInt64());
        var node = new NodeId(body.ReadInt32());
        var mountId = body.ReadGuid();
        var key = new ReservationKey(body.ReadUInt64());
        var slotCount = body.ReadInt32();
        var reservedSlotCount = body.ReadInt32();
        if (slotCount < 1 || reservedSlotCount < 0 || slotCount + (long)reservedSlotCount > WireLimits.SlotsMax)
        {
            throw new StateFormatException($"The journal gives {id} {slotCount} and {reservedSlotCount} slots.");
        }

        if (Find(id) is { } known)
        {
            known.DataKey = key;
            return;
        }

        var session = new Session(id, node, mountId, key, slotCount, reservedSlotCount) { IsStable = true };
        for (var slot = 0; slot < session.Slots.Length; slot++)
        {
            session.Slots[slot].MaySkip = true;
        }

        _sessions.Add(id.Value, session);
        _nextSession = Math.Max(_nextSession, id.Value + 1);
    }

    private void ApplyFloors(ref StateReader body)
    {
        var id = new SessionId(body.ReadInt64());
        var count = body.ReadInt32();
        if (Find(id) is not { } session || session.Slots.Length != count)
        {
            throw new StateFormatException($"The journal has {count} slots for {id}, which is not that session.");
        }

        foreach (ref var slot in session.Slots.AsSpan())
        {
            slot = new SessionSlot { LastSequence = body.ReadInt64(), MaySkip = true };
        }
    }

    private void ApplyAnswer(ref StateReader body)
    {
        var id = new RequestId(new SessionId(body.ReadInt64()), body.ReadInt32(), body.ReadInt64());
        var bytes = body.ReadBytes();
        if (Find(id.Session) is not { } session)
        {
            return; // It ended in the same commit.
        }

        if (id.Slot < 0 || id.Slot >= session.Slots.Length)
        {
            throw new StateFormatException($"The journal has an answer to {id}, a slot that does not exist.");
        }

        try
        {
            session.Slots[id.Slot] = new SessionSlot
            {
                LastSequence = id.Sequence,
                MaySkip = true,
                IsJournalled = true,
                Answer = limits.KeepsAnswers ? VolumeCodec.DecodeReply(bytes) : null,
            };
        }
        catch (WireFormatException failure)
        {
            throw new StateFormatException($"The journal's answer to {id} cannot be read: {failure.Message}", failure);
        }
    }

    private Session Existing(SessionId id) =>
        Find(id) ?? throw new InvariantBrokenException($"{id} is spoken of after it was dropped.");

    private ref SessionSlot Running(RequestId id)
    {
        ref var slot = ref Existing(id.Session).Slots[id.Slot];
        Invariant.Holds(slot.InProgress && slot.LastSequence == id.Sequence, $"{id} is answered but is not being carried out.");
        return ref slot;
    }
}
