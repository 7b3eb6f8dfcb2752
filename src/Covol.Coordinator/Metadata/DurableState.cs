using Covol.Ntfs;
using Covol.Protocol.Ids;

namespace Covol.Coordinator.Metadata;

/// <summary>
/// What the coordinator keeps in the journal: sessions, the last changing answer of each slot, appends under way. Changed on
/// the metadata thread only, as its changes are committed, so a checkpoint always writes what is stable.
/// </summary>
internal sealed class DurableState
{
    private readonly Dictionary<SessionId, StateChange.SessionKept> _sessions = [];
    private readonly Dictionary<(SessionId Session, int Slot), StateChange.Answered> _answers = [];
    private readonly Dictionary<(SessionId Session, int Slot), StateChange.AppendPlaced> _appends = [];

    private readonly HashSet<FileId> _lostWrites = [];
    private readonly Dictionary<FileId, StateChange.TailClaimed> _tails = [];
    private readonly HashSet<SessionId> _leases = [];

    /// <summary>Session ids are larger than this; none is used twice on a volume.</summary>
    public long LastSession { get; private set; }

    public IReadOnlyCollection<StateChange.SessionKept> Sessions => _sessions.Values;

    public IReadOnlyCollection<StateChange.Answered> Answers => _answers.Values;

    public IReadOnlyCollection<StateChange.AppendPlaced> Appends => _appends.Values;

    public IReadOnlyCollection<FileId> LostWrites => _lostWrites;

    public IReadOnlyCollection<StateChange.TailClaimed> Tails => _tails.Values;

    /// <summary>Sessions that were evicted so short ago that their nodes may still read.</summary>
    public IReadOnlyCollection<SessionId> LeasesLeft => _leases;

    public static DurableState From(JournalRecovery recovery)
    {
        ArgumentNullException.ThrowIfNull(recovery);
        var state = new DurableState();
        state.Apply(recovery.CheckpointState);
        foreach (var change in recovery.Changes)
        {
            state.Apply(change);
        }

        return state;
    }

    public void Apply(StateChange change)
    {
        switch (change)
        {
            case StateChange.SessionKept kept:
                _sessions[kept.Session] = kept;
                LastSession = Math.Max(LastSession, kept.Session.Value);
                break;
            case StateChange.SessionGone gone:
                _sessions.Remove(gone.Session);
                foreach (var slot in _answers.Keys.Where(key => key.Session == gone.Session).ToList())
                {
                    _answers.Remove(slot);
                }

                foreach (var slot in _appends.Keys.Where(key => key.Session == gone.Session).ToList())
                {
                    _appends.Remove(slot);
                }

                CutTails(gone.Session);
                break;
            case StateChange.Answered answered:
                if (_sessions.ContainsKey(answered.Id.Session))
                {
                    _answers[(answered.Id.Session, answered.Id.Slot)] = answered;
                    _appends.Remove((answered.Id.Session, answered.Id.Slot));
                }

                break;
            case StateChange.AppendPlaced placed:
                if (_sessions.ContainsKey(placed.Id.Session))
                {
                    _appends[(placed.Id.Session, placed.Id.Slot)] = placed;
                }

                break;
            case StateChange.WritesLost lost:
                _lostWrites.Add(lost.File);
                break;
            case StateChange.WritesForgotten forgotten:
                _lostWrites.Remove(forgotten.File);
                break;
            case StateChange.TailClaimed claimed:
                if (_sessions.ContainsKey(claimed.Session))
                {
                    _tails[claimed.File] = claimed;
                }

                break;
            case StateChange.TailEnded ended:
                _tails.Remove(ended.File);
                break;
            case StateChange.LeaseLeft left:
                _leases.Add(left.Session);
                break;
            case StateChange.LeaseOver over:
                _leases.Remove(over.Session);
                break;
            case StateChange.TailsCut cut:
                CutTails(cut.Session);
                break;
            default:
                throw new Protocol.InvariantBrokenException($"{change?.GetType().Name} is not kept.");
        }
    }

    public byte[] Encode() =>
        StateCodec.Encode(
            _sessions.Values.Concat<StateChange>(_answers.Values).Concat(_appends.Values)
                .Concat(_lostWrites.Select(file => new StateChange.WritesLost(file)))
                .Concat(_tails.Values)
                .Concat(_leases.Select(session => new StateChange.LeaseLeft(session))),
            LastSession);

    public byte[] EncodeChanges(IReadOnlyList<StateChange> changes) =>
        changes.Count == 0 ? [] : StateCodec.Encode(changes, LastSession);

    private void CutTails(SessionId session)
    {
        foreach (var file in _tails.Where(entry => entry.Value.Session == session).Select(entry => entry.Key).ToList())
        {
            _tails.Remove(file);
        }
    }

    private void Apply(ReadOnlyMemory<byte> bytes)
    {
        var (changes, lastSession) = StateCodec.Decode(bytes);
        LastSession = Math.Max(LastSession, lastSession);
        foreach (var change in changes)
        {
            Apply(change);
        }
    }
}
