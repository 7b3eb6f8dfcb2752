using Covol.Protocol.Ids;
using Covol.Protocol.Store;
using Covol.Protocol.Units;

namespace Covol.Protocol.Ownership;

/// <content>What follows from the state, whichever input led to it.</content>
public sealed partial class OwnershipMachine
{
    private void Decide(Moment now, List<OwnershipEffect> effects)
    {
        switch (Stage)
        {
            case OwnershipStage.Starting:
                break;
            case OwnershipStage.Waiting when WantsStandby(now) && IsPast(_restsUntil, now) && !_writeIsInFlight:
                Enter(now, OwnershipStage.Allocating, Reason(), effects);
                effects.Add(new AllocateKey());
                break;
            case OwnershipStage.Waiting:
                break;
            case OwnershipStage.Allocating when _retryAt is not null && IsPast(_retryAt, now):
                _retryAt = null;
                effects.Add(new AllocateKey());
                break;
            case OwnershipStage.Allocating:
                break;
            case OwnershipStage.Registering or OwnershipStage.Activating when _stageEnds is not null && IsPast(_stageEnds, now):
                effects.Add(new StopCoordinator(_key!.Value));
                Fail(now, $"the coordinator process took too long ({Stage})", effects);
                break;
            case OwnershipStage.Registering or OwnershipStage.Activating:
                break;
            case OwnershipStage.Standby when ClaimAt() is { } at && at <= now:
                Enter(now, OwnershipStage.Claiming, $"claims epoch {_record!.Epoch.Value + 1} with {_key!.Value}", effects);
                Write(Claim(_record, _key.Value), deletesMoveOrder: false, effects);
                break;
            case OwnershipStage.Standby when !WantsStandby(now):
                Drop(now, "there is no reason to claim any more", effects);
                break;
            case OwnershipStage.Standby:
                break;
            case OwnershipStage.Claiming:
                // Word by word the same claim: the record has not changed since, else this stage would have been left.
                if (MayWrite(now))
                {
                    Write(Claim(_record!, _key!.Value), deletesMoveOrder: false, effects);
                }

                break;
            case OwnershipStage.Serving:
                DecideServing(now, effects);
                break;
            case OwnershipStage.HandingOver:
                if (_stageEnds is not null && IsPast(_stageEnds, now))
                {
                    _stageEnds = now + _settings.HandOverLimit;
                    effects.Add(new StopCoordinator(_key!.Value));
                }

                break;
            case OwnershipStage.Releasing:
                if (MayWrite(now) && _record is { } owned && owned.Owner == _self)
                {
                    Write(Release(owned), deletesMoveOrder: _order is not null, effects);
                }

                break;
            default:
                throw new InvalidOperationException($"{Stage} is not a stage of ownership.");
        }
    }

    /// <summary>From the won epoch on: a standby is told nothing, since what it is told it could not carry out.</summary>
    private void TellEvictions(Moment now, List<OwnershipEffect> effects)
    {
        if (Stage is not (OwnershipStage.Activating or OwnershipStage.Serving) || _key is not { } key || !IsPast(_tellAgainAt, now))
        {
            return;
        }

        _tellAgainAt = null;
        foreach (var (node, incarnation) in _evicted)
        {
            if (incarnation > _evictedHere.GetValueOrDefault(node) && _telling.Add(node))
            {
                effects.Add(new TellEviction(key, node, incarnation));
            }
        }
    }

    private void DecideServing(Moment now, List<OwnershipEffect> effects)
    {
        if (_failures > 0 && now >= _servingSince + _settings.GoodTime)
        {
            _failures = 0;
        }

        if (_record is not { } record || record.Key != _key)
        {
            return;
        }

        if (!record.Answers || record.KeysToFence.Count > 0 || (_endpoints.Count > 0 && !record.Endpoints.SequenceEqual(_endpoints)))
        {
            if (MayWrite(now))
            {
                Write(record with { Answers = true, Endpoints = _endpoints, KeysToFence = [] }, deletesMoveOrder: false, effects);
            }

            return;
        }

        if (_isShuttingDown)
        {
            BeginHandOver(now, _order?.Target == _self ? null : _order?.Target, isOffline: false, "the node stops", effects);
        }
        else if (_order is { } order)
        {
            Obey(now, order, effects);
        }
    }

    private void Obey(Moment now, MoveOrder order, List<OwnershipEffect> effects)
    {
        if (order.Target is not { } target)
        {
            BeginHandOver(now, null, isOffline: true, "the volume is taken offline", effects);
        }
        else if (target == _self || _deadSince.ContainsKey(target))
        {
            _order = null;
            effects.Add(new DeleteMoveOrder());
            effects.Add(new Report(
                Stage, $"{_volume} on {_self}: the order to move to {target} {(target == _self ? "is fulfilled" : "is void, it is dead")}."));
        }
        else if (_alive.Contains(target) && _mayMoveFrom <= now)
        {
            BeginHandOver(now, target, isOffline: false, $"the volume moves to {target}", effects);
        }
    }

    private void BeginHandOver(Moment now, NodeId? target, bool isOffline, string why, List<OwnershipEffect> effects)
    {
        (_handsOverTo, _handsOverOffline) = (target, isOffline);
        Enter(now, OwnershipStage.HandingOver, why, effects);
        _stageEnds = now + _settings.HandOverLimit;
        effects.Add(new HandOver(_key!.Value));
    }

    private OwnershipRecord Claim(OwnershipRecord before, ReservationKey key)
    {
        Invariant.Holds(before.Key != key && !before.KeysToFence.Contains(key), "A coordinator key was about to be used twice.");
        return new OwnershipRecord(
            _volume,
            new Epoch(checked(before.Epoch.Value + 1)),
            _self,
            key,
            before.Epoch.Value == 0 ? before.KeysToFence : [.. before.KeysToFence, before.Key],
            Answers: false,
            Endpoints: [],
            HandOverTo: null,
            Offline: false);
    }

    private OwnershipRecord Release(OwnershipRecord owned) => owned with
    {
        Owner = null,
        Answers = false,
        Endpoints = [],
        HandOverTo = _handsOverTo,
        Offline = _handsOverOffline,
    };

    private void Write(OwnershipRecord record, bool deletesMoveOrder, List<OwnershipEffect> effects)
    {
        _writeIsInFlight = true;
        _retryAt = null;
        effects.Add(new WriteRecord(_revision, record, deletesMoveOrder));
    }

    private bool MayWrite(Moment now) => !_writeIsInFlight && _recordIsKnown && IsPast(_retryAt, now);

    /// <summary>A process with a registered key is wanted here: to claim, or to be ready when the owner hands over.</summary>
    private bool WantsStandby(Moment now) =>
        (ClaimAt() is { } at && at <= now) || (!_isShuttingDown && _record is { Owner: not null } && _order?.Target == _self);

    /// <summary>From when on this node may claim; null: not as things are.</summary>
    private Moment? ClaimAt()
    {
        if (_isShuttingDown || _record is not { } record || record.KeysToFence.Count >= _settings.KeysToFenceMax)
        {
            return null;
        }

        if (record.Owner == _self)
        {
            // Only asked while nothing of ours serves: the process died, or the node was started again.
            return _recordSince;
        }

        if (record.Offline)
        {
            return _order?.Target == _self ? _recordSince : null;
        }

        if (record.Owner is { } owner)
        {
            return _deadSince.TryGetValue(owner, out var dead) ? Queue(dead) : null;
        }

        if (record.HandOverTo is not { } named)
        {
            return Queue(_recordSince);
        }

        return named == _self
            ? _recordSince
            : Queue(_deadSince.TryGetValue(named, out var namedDead) ? namedDead : _recordSince + _settings.NamedHeadStart);
    }

    /// <summary>Candidates step forward one after the other, so that as a rule only one starts a process.</summary>
    private Moment Queue(Moment since)
    {
        var from = since > _recordSince ? since : _recordSince;
        var mine = from + (_settings.CandidateStep * _alive.Count(node => node.Value < _self.Value));
        return _avoidsUntil is { } avoids && avoids > mine ? avoids : mine;
    }

    private string Reason() => _record switch
    {
        { Owner: { } owner } when owner == _self => "its coordinator does not run here any more, it is started again",
        { Owner: { } owner } when _deadSince.ContainsKey(owner) => $"{owner} is dead, its volume is taken over",
        { Owner: { } owner } => $"it is to move here from {owner}",
        _ => "nobody coordinates it",
    };

    private void ArmTimer(Moment now, List<OwnershipEffect> effects)
    {
        Moment? next = null;
        Consider(_stageEnds);
        Consider(_retryAt);
        Consider(_tellAgainAt);
        if (Stage is OwnershipStage.Waiting or OwnershipStage.Standby)
        {
            Consider(_restsUntil);
            Consider(ClaimAt());
        }

        if (Stage == OwnershipStage.Serving && _order is not null)
        {
            Consider(_mayMoveFrom);
        }

        if (next is { } at && at != _timer)
        {
            _timer = at;
            effects.Add(new SetTimer(at));
        }

        void Consider(Moment? moment)
        {
            if (moment is { } candidate && candidate > now && (next is null || candidate < next))
            {
                next = candidate;
            }
        }
    }

    private static bool IsPast(Moment? moment, Moment now) => moment is null || moment <= now;
}
