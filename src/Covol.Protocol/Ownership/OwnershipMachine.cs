using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Covol.Protocol.Store;
using Covol.Protocol.Units;

namespace Covol.Protocol.Ownership;

// What one node does about the coordination of one volume.
//
//              a reason to claim,          key               process reports          may claim
//              or named to be next         given             Standby (key is on       now
//   ┌─────────┐            ┌────────────┐         ┌───────────┐  the LUN)  ┌─────────┐       ┌──────────┐
//   │ Waiting ├───────────►│ Allocating ├────────►│Registering├───────────►│ Standby ├──────►│ Claiming │
//   └─▲──▲────┘            └────────────┘         └────┬──────┘            └────┬────┘       └─┬──────┬─┘
//     │  │          process ended, too slow            │         reason gone    │        lost  │      │ the record
//     │  └─────────────────────────────────────────────┴────────────────────────┴──────────────┘      │ names my key
//     │                                                                                               ▼
//     │ record is free      ┌───────────┐  ended   ┌─────────────┐  order, shutdown  ┌─────────┐  ┌────────────┐
//     ├─────────────────────┤ Releasing │◄─────────┤ HandingOver │◄──────────────────┤ Serving │◄─┤ Activating │
//     │                     └───────────┘          └─────────────┘                   └────┬────┘  └──┬─────────┘
//     │                                                                                   │ Grace    │ preempt, drain, verify,
//     └───── the record names another key (stop the process), or the process ended ───────┴──────────┘ replay, checkpoint
//
// The order is SAFETY 2's: a fresh key is registered on the LUN *before* the transaction that names it, so whoever wins a later
// epoch knows, from the record alone, every key that may ever write under an earlier one, and finds it registered or spent. The
// process that registered the key is the one that later writes; it writes nothing before Activate. A key is offered in one claim
// only: a claim that is not won costs the key, and a claim without an answer is only repeated word by word.
//
// Nothing here decides who may write. Two nodes may both believe to be owner for a while (a frozen one, a lost store); then the
// LUN refuses the one whose key a later epoch has preempted. Losing the store stops nothing.
//
// Beside its stage the machine knows who was evicted, and sees to it that the coordinator here, from the moment its epoch is won, has been
// told of each: it need not wait for those to reclaim. Whom to evict is not decided here.

/// <summary>
/// The ownership of one volume as one node sees it. Pure and single-threaded: the driver feeds <see cref="Step"/> and carries out
/// the effects in their order.
/// </summary>
public sealed partial class OwnershipMachine
{
    private readonly string _volume;
    private readonly NodeId _self;
    private readonly OwnershipSettings _settings;
    private readonly Dictionary<NodeId, Moment> _deadSince = [];
    private IReadOnlySet<NodeId> _alive = new HashSet<NodeId>();
    private bool _recordIsKnown;
    private StoreRevision _revision;
    private OwnershipRecord? _record;
    private Moment _recordSince;
    private MoveOrder? _order;
    private bool _isShuttingDown;

    // The one process of this volume here.
    private ReservationKey? _key;
    private CoordinatorPhase _phase;
    private IReadOnlyList<string> _endpoints = [];
    private Moment _servingSince;

    /// <summary>From when on a planned move may begin; null while grace runs.</summary>
    private Moment? _mayMoveFrom;

    private Moment? _stageEnds;
    private Moment? _retryAt;
    private bool _writeIsInFlight;
    private bool _handsOverOffline;
    private NodeId? _handsOverTo;
    private int _failures;
    private Moment? _restsUntil;
    private Moment? _avoidsUntil;
    private Moment? _timer;

    // Evicted nodes, up to which incarnation; and what the process here has done or is doing about it.
    private readonly Dictionary<NodeId, long> _evicted = [];
    private readonly Dictionary<NodeId, long> _evictedHere = [];
    private readonly HashSet<NodeId> _telling = [];
    private Moment? _tellAgainAt;

    public OwnershipMachine(string volume, NodeId self, OwnershipSettings settings)
    {
        _volume = volume;
        _self = self;
        _settings = settings;
    }

    public OwnershipStage Stage { get; private set; } = OwnershipStage.Starting;

    /// <summary>The last record seen; null: none yet, or the volume is gone.</summary>
    public OwnershipRecord? Record => _record;

    /// <summary>The key of the process that runs here; null: none.</summary>
    public ReservationKey? Key => _key;

    /// <summary>Takes one input and adds what is to be done to <paramref name="effects"/>.</summary>
    public void Step(Moment now, OwnershipInput input, List<OwnershipEffect> effects)
    {
        Take(now, input, effects);
        Decide(now, effects);
        TellEvictions(now, effects);
        ArmTimer(now, effects);
    }

    private void Take(Moment now, OwnershipInput input, List<OwnershipEffect> effects)
    {
        switch (input)
        {
            case Started started:
                Begin(now, started, effects);
                break;
            case RecordSeen seen:
                Learn(now, seen, effects);
                break;
            case MoveOrderSeen seen:
                _order = seen.Order;
                break;
            case MembersSeen seen:
                Learn(now, seen);
                break;
            case EvictionSeen seen:
                _evicted[seen.Node] = Math.Max(seen.Incarnation, _evicted.GetValueOrDefault(seen.Node));
                break;
            case EvictionTold told:
                Learn(now, told);
                break;
            case KeyAllocated allocated:
                Register(now, allocated, effects);
                break;
            case CoordinatorReported reported:
                Follow(now, reported, effects);
                break;
            case CoordinatorEnded ended:
                Lose(now, ended, effects);
                break;
            case WriteAnswered answered:
                Conclude(now, answered, effects);
                break;
            case TimerFired:
                _timer = null;
                break;
            case ShutdownOrdered:
                _isShuttingDown = true;
                break;
            default:
                throw new InvalidOperationException($"{input.GetType().Name} is not an input of ownership.");
        }
    }

    private void Begin(Moment now, Started started, List<OwnershipEffect> effects)
    {
        Invariant.Holds(Stage == OwnershipStage.Starting, "Ownership of a volume was started twice.");
        Stage = OwnershipStage.Waiting;
        if (started.Key is not { } key)
        {
            return;
        }

        switch (started.Phase)
        {
            case CoordinatorPhase.Fencing or CoordinatorPhase.Recovering:
                Adopt(key, started);
                Enter(now, OwnershipStage.Activating, "a coordinator was found that recovers the volume", effects);
                _stageEnds = now + _settings.ActivateLimit;
                break;
            case CoordinatorPhase.Grace or CoordinatorPhase.Serving:
                Adopt(key, started);
                _servingSince = now;
                MeasureTenure(now);
                Enter(now, OwnershipStage.Serving, "a coordinator was found that serves the volume", effects);
                break;
            case CoordinatorPhase.HandingOver:
                Adopt(key, started);
                Enter(now, OwnershipStage.HandingOver, "a coordinator was found that hands the volume over", effects);
                _stageEnds = now + _settings.HandOverLimit;
                break;
            case CoordinatorPhase.Starting or CoordinatorPhase.Standby or CoordinatorPhase.Failed:
                // It has no epoch, or no future: its key may have been offered in a claim that nobody remembers, so it is spent.
                effects.Add(new StopCoordinator(key));
                break;
            default:
                throw new InvalidOperationException($"{started.Phase} is not a phase of a coordinator.");
        }
    }

    private void Adopt(ReservationKey key, Started started)
    {
        Forget(key);
        _phase = started.Phase;
        _endpoints = started.Endpoints;
    }

    private void Learn(Moment now, RecordSeen seen, List<OwnershipEffect> effects)
    {
        if (_recordIsKnown && seen.Revision <= _revision)
        {
            return;
        }

        var before = _record;
        (_recordIsKnown, _revision, _record) = (true, seen.Revision, seen.Record);
        if (seen.Record is not { } record)
        {
            Forget(now, before, effects);
            return;
        }

        Invariant.Holds(record.Volume == _volume, "A record of another volume was obeyed.");
        Invariant.Holds(before is null || record.Epoch.Value >= before.Epoch.Value, "An older epoch followed a newer one.");
        if (before is null || (before.Owner, before.HandOverTo, before.Epoch) != (record.Owner, record.HandOverTo, record.Epoch))
        {
            _recordSince = now;
        }

        if (record.Answers && (before is not { Answers: true } || before.Epoch != record.Epoch
            || !before.Endpoints.SequenceEqual(record.Endpoints)))
        {
            effects.Add(new Attach(record));
        }

        Compare(now, record, effects);
    }

    /// <summary>What the newest record means for the process that runs here.</summary>
    private void Compare(Moment now, OwnershipRecord record, List<OwnershipEffect> effects)
    {
        switch (Stage)
        {
            case OwnershipStage.Claiming when record.Key == _key:
                Enter(now, OwnershipStage.Activating, $"{record.Epoch} is won, the coordinator fences and replays", effects);
                _stageEnds = now + _settings.ActivateLimit;
                effects.Add(new Activate(_key.Value, record.Epoch, record.KeysToFence));
                break;
            case OwnershipStage.Claiming:
                Drop(now, $"{Who(record)} was faster with {record.Epoch}", effects);
                break;
            case OwnershipStage.Activating or OwnershipStage.Serving or OwnershipStage.HandingOver when record.Key != _key:
                Drop(now, $"{record.Epoch} belongs to {Who(record)}", effects);
                break;
            case OwnershipStage.Releasing when record.Owner != _self:
                Enter(now, OwnershipStage.Waiting, $"the volume is given free after {record.Epoch}", effects);
                break;
        }
    }

    private void Forget(Moment now, OwnershipRecord? before, List<OwnershipEffect> effects)
    {
        if (before is not null)
        {
            effects.Add(new Detach());
        }

        _order = null;
        if (Stage != OwnershipStage.Starting)
        {
            Drop(now, "the volume was removed", effects);
        }
    }

    private void Learn(Moment now, MembersSeen seen)
    {
        Invariant.Holds(!seen.Alive.Overlaps(seen.Dead), "A node is alive and dead.");
        _alive = seen.Alive;
        foreach (var back in _deadSince.Keys.Where(node => !seen.Dead.Contains(node)).ToArray())
        {
            _deadSince.Remove(back);
        }

        foreach (var node in seen.Dead)
        {
            _deadSince.TryAdd(node, now);
        }
    }

    private void Register(Moment now, KeyAllocated allocated, List<OwnershipEffect> effects)
    {
        if (Stage != OwnershipStage.Allocating)
        {
            return;
        }

        if (allocated.Key is not { } key)
        {
            _retryAt = now + _settings.StoreRetry;
            return;
        }

        Invariant.Holds(KeyLayout.IsCoordinator(key), "A coordinator was given a key of another kind.");
        Forget(key);
        (_phase, _endpoints) = (CoordinatorPhase.Starting, []);
        Enter(now, OwnershipStage.Registering, $"a coordinator process registers {key}", effects);
        _stageEnds = now + _settings.RegisterLimit;
        effects.Add(new StartStandby(key));
    }

    /// <summary>Another process: what the last one was told, this one has to be told anew.</summary>
    private void Forget(ReservationKey next)
    {
        _key = next;
        _evictedHere.Clear();
        _telling.Clear();
        _tellAgainAt = null;
    }

    private void Learn(Moment now, EvictionTold told)
    {
        if (told.Key != _key || !_telling.Remove(told.Node))
        {
            return;
        }

        if (told.Done)
        {
            _evictedHere[told.Node] = told.Incarnation;
        }
        else
        {
            _tellAgainAt = now + _settings.StoreRetry;
        }
    }

    private void Follow(Moment now, CoordinatorReported reported, List<OwnershipEffect> effects)
    {
        if (reported.Key != _key)
        {
            return;
        }

        var isProgress = reported.Phase != _phase;
        (_phase, _endpoints) = (reported.Phase, reported.Endpoints);
        switch (Stage, reported.Phase)
        {
            case (OwnershipStage.Registering, CoordinatorPhase.Standby):
                Enter(now, OwnershipStage.Standby, $"{reported.Key} is registered on the LUN", effects);
                break;
            case (OwnershipStage.Activating, CoordinatorPhase.Fencing or CoordinatorPhase.Recovering) when isProgress:
                _stageEnds = now + _settings.ActivateLimit;
                break;
            case (OwnershipStage.Activating, CoordinatorPhase.Grace or CoordinatorPhase.Serving):
                _servingSince = now;
                MeasureTenure(now);
                Enter(now, OwnershipStage.Serving, "the coordinator answers", effects);
                break;
            case (OwnershipStage.Serving, CoordinatorPhase.Serving) when isProgress:
                MeasureTenure(now);
                break;
        }
    }

    private void MeasureTenure(Moment now) =>
        _mayMoveFrom = _phase == CoordinatorPhase.Serving ? now + _settings.TenureMin : null;

    private void Lose(Moment now, CoordinatorEnded ended, List<OwnershipEffect> effects)
    {
        if (ended.Key != _key)
        {
            return;
        }

        if (Stage == OwnershipStage.HandingOver)
        {
            // Whether it drained or crashed: its key stays in the record, and the next coordinator fences and replays anyway.
            _key = null;
            Enter(now, OwnershipStage.Releasing, $"the coordinator has ended: {ended.Reason}", effects);
            return;
        }

        Fail(now, $"the coordinator process ended: {ended.Reason}", effects);
    }

    private void Conclude(Moment now, WriteAnswered answered, List<OwnershipEffect> effects)
    {
        _writeIsInFlight = false;
        _retryAt = answered.Happened is true ? null : now + _settings.StoreRetry;
        if (answered.Happened is false && Stage == OwnershipStage.Claiming)
        {
            Drop(now, "the claim was refused", effects);
        }
    }

    /// <summary>The process is not needed, or must not go on. This is no failure of it.</summary>
    private void Drop(Moment now, string why, List<OwnershipEffect> effects)
    {
        if (_key is { } key)
        {
            effects.Add(new StopCoordinator(key));
        }

        _key = null;
        if (Stage != OwnershipStage.Waiting)
        {
            Enter(now, OwnershipStage.Waiting, why, effects);
        }
    }

    private void Fail(Moment now, string why, List<OwnershipEffect> effects)
    {
        _key = null;
        _failures++;
        _restsUntil = now + Rest();
        if (_failures > _settings.FailuresHereMax && _record?.Owner == _self && _alive.Any(node => node != _self))
        {
            _avoidsUntil = now + _settings.AvoidAfterFailures;
            (_handsOverTo, _handsOverOffline) = (null, false);
            Enter(now, OwnershipStage.Releasing, $"{why}; after {_failures} failures another node shall try", effects);
            return;
        }

        Enter(now, OwnershipStage.Waiting, why, effects);
    }

    private TimeSpan Rest()
    {
        const int doublingsMax = 16;
        if (_failures == 1)
        {
            return TimeSpan.Zero;
        }

        var rest = _settings.RestMin * Math.Pow(2, Math.Min(_failures - 2, doublingsMax));
        return rest < _settings.RestMax ? rest : _settings.RestMax;
    }

    private void Enter(Moment now, OwnershipStage stage, string why, List<OwnershipEffect> effects)
    {
        Stage = stage;
        _stageEnds = null;
        _retryAt = null;
        effects.Add(new Report(stage, $"{_volume} on {_self}: {why}."));
    }

    private static string Who(OwnershipRecord record) => record.Owner?.ToString() ?? "nobody";
}
