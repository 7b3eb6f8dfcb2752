using Covol.Protocol.Units;

namespace Covol.Protocol.Migration;

/// <summary>
/// Decides the course of one live migration. Not thread safe; one driver feeds it.
/// <code>
///  Preparing ──► Copying ──► PreSwitchover ──► HandingOver ──► AwaitingResume ──► Finished: Moved
///      │            │              │                │                 │
///      └────────────┴──────┬───────┘                │                 └ destination dies ──► Finished: RestartCold
///                     give up: cancel               └ the source says "failed" ─┐
///                          ▼                                                    ▼
///                      RollingBack ◄────────────────────────────────────────────┘
///                          └──► Finished: StayedAtSource | StandsAtSource
/// </code>
/// The rules, each learnt by a fault (docs/internals/migration.md):
/// the guest has moved when the destination says RESUME, not when the source says "completed"; the source is quit as soon as
/// either was said; from 'continue' on the guest is the source's again only if the source itself says "failed"; a destination
/// that is
/// not needed any more is always killed, because it would wait for ever; no death is concluded from silence.
/// </summary>
public sealed class MigrationMachine(MigrationLimits limits)
{
    private readonly Dictionary<MigrationTimer, Moment> _deadlines = [];
    private MigrationPhase _phase = MigrationPhase.Preparing;
    private bool _started;
    private bool _migrateAsked;
    private bool _ownershipAsked;
    private bool _continued;
    private bool _guestStands;
    private bool _sourceOver;
    private bool _sourceCompleted;
    private bool _sourceGone;
    private bool _sourceQuit;
    private bool _destinationKilled;
    private bool _destinationGone;
    private bool _destinationResumed;
    private bool _sourceOutOfReach;
    private bool _destinationOutOfReach;
    private bool _patienceEnded;
    private long _transferred;
    private string _reason = "";

    public MigrationPhase Phase => _phase;

    /// <summary>Takes one input and appends what is to be done. <paramref name="now"/> never steps back.</summary>
    public void Step(Moment now, MigrationInput input, List<MigrationEffect> effects)
    {
        if (_phase == MigrationPhase.Finished)
        {
            return;
        }

        Invariant.Holds(_started != input is MigrationInput.Started, "A migration is started once, before anything else.");
        switch (input)
        {
            case MigrationInput.Started:
                _started = true;
                Enter(MigrationPhase.Preparing, effects);
                effects.Add(new MigrationEffect.PrepareSource());
                SetTimer(MigrationTimer.Stall, now + limits.Prepare, effects);
                break;
            case MigrationInput.SourceReady when _phase == MigrationPhase.Preparing:
                effects.Add(new MigrationEffect.PrepareDestination());
                break;
            case MigrationInput.DestinationReady ready when _phase == MigrationPhase.Preparing && !_migrateAsked:
                StartCopy(now, ready.Address, effects);
                break;
            case MigrationInput.SourceReady or MigrationInput.DestinationReady:
                // Too late: given up meanwhile.
                break;
            case MigrationInput.Progress progress:
                TakeProgress(now, progress.TransferredBytes, effects);
                break;
            case MigrationInput.OwnershipMoved:
                if (_phase == MigrationPhase.PreSwitchover)
                {
                    HandOver(now, effects);
                }

                break;
            case MigrationInput.CancelAsked cancel:
                GiveUp(cancel.Reason, effects);
                break;
            case MigrationInput.StepFailed failed:
                TakeFailure(failed, effects);
                break;
            case MigrationInput.FromSource signal:
                TakeSource(now, signal.Signal, signal.Detail, effects);
                break;
            case MigrationInput.FromDestination signal:
                TakeDestination(signal.Signal, signal.Detail, effects);
                break;
            case MigrationInput.TimerFired fired:
                TakeTimer(now, fired.Timer, effects);
                break;
            default:
                Invariant.Holds(false, $"A migration does not know the input {input.GetType().Name}.");
                break;
        }

        Settle(effects);
    }

    private void StartCopy(Moment now, string address, List<MigrationEffect> effects)
    {
        _migrateAsked = true;
        Enter(MigrationPhase.Copying, effects);
        effects.Add(new MigrationEffect.Migrate(address));
        SetTimer(MigrationTimer.Stall, now + limits.Stall, effects);
        SetTimer(MigrationTimer.Copy, now + limits.Copy, effects);
    }

    private void HandOver(Moment now, List<MigrationEffect> effects)
    {
        _continued = true;
        Enter(MigrationPhase.HandingOver, effects);
        effects.Add(new MigrationEffect.ContinueSource());
        SetTimer(MigrationTimer.HandOver, now + limits.HandOver, effects);
    }

    private void TakeProgress(Moment now, long transferred, List<MigrationEffect> effects)
    {
        if (_phase == MigrationPhase.Copying && transferred > _transferred)
        {
            _transferred = transferred;
            SetTimer(MigrationTimer.Stall, now + limits.Stall, effects);
        }
    }

    private void TakeFailure(MigrationInput.StepFailed failed, List<MigrationEffect> effects)
    {
        switch (failed.Step)
        {
            case MigrationStep.PrepareSource or MigrationStep.PrepareDestination or MigrationStep.MoveOwnership:
                GiveUp(failed.Reason, effects);
                break;
            case MigrationStep.Migrate:
                // Refused: the source never began, so nothing will be said about an end.
                _sourceOver = true;
                GiveUp(failed.Reason, effects);
                break;
            case MigrationStep.ContinueSource:
                // Refused: the source is still before the switch-over, or gave up on its own and says so.
                _continued = false;
                GiveUp(failed.Reason, effects);
                break;
            case MigrationStep.QuitSource:
                _sourceOutOfReach = true;
                Because(failed.Reason);
                break;
            case MigrationStep.KillDestination:
                _destinationOutOfReach = true;
                Because(failed.Reason);
                break;
            case MigrationStep.CancelSource:
                // The source reports what becomes of it; until then nothing is concluded.
                Because(failed.Reason);
                break;
            default:
                Invariant.Holds(false, $"A migration does not know the step {failed.Step}.");
                break;
        }
    }

    private void TakeSource(Moment now, MigrationSignal signal, string detail, List<MigrationEffect> effects)
    {
        switch (signal)
        {
            case MigrationSignal.Stopped:
                _guestStands = true;
                break;
            case MigrationSignal.Resumed:
                _guestStands = false;
                break;
            case MigrationSignal.PreSwitchover:
                _guestStands = true;
                if (_phase == MigrationPhase.Copying)
                {
                    Enter(MigrationPhase.PreSwitchover, effects);
                    _ownershipAsked = true;
                    effects.Add(new MigrationEffect.MoveOwnership());
                    SetTimer(MigrationTimer.Stall, now + limits.Ownership, effects);
                }

                break;
            case MigrationSignal.Completed:
                _sourceCompleted = true;
                QuitSource(effects);
                if (_phase == MigrationPhase.HandingOver && !_destinationResumed)
                {
                    Enter(MigrationPhase.AwaitingResume, effects);
                }

                break;
            case MigrationSignal.Failed or MigrationSignal.Cancelled:
                _sourceOver = true;
                Because(detail.Length > 0 ? detail : "The source gave the migration up.");
                SetTimer(MigrationTimer.RollBack, now + limits.RollBack, effects);

                // A destination that has resumed keeps the guest: the source is being quit.
                if (!_destinationResumed)
                {
                    RollBack(effects);
                }

                break;
            case MigrationSignal.DiskFailed:
                // A guest that stands with a failed disk would arrive standing: nothing would tell that the move has ended.
                GiveUp(detail.Length > 0 ? detail : "A disk of the guest failed at the source.", effects);
                break;
            case MigrationSignal.Gone:
                _sourceGone = true;
                if (!_sourceQuit)
                {
                    Because("The source's process ended during the migration.");
                }

                if (!_continued)
                {
                    KillDestination(effects);
                }

                break;
            case MigrationSignal.Setup or MigrationSignal.Active or MigrationSignal.Device:
                break;
            default:
                Invariant.Holds(false, $"A migration does not know the signal {signal}.");
                break;
        }
    }

    private void TakeDestination(MigrationSignal signal, string detail, List<MigrationEffect> effects)
    {
        switch (signal)
        {
            case MigrationSignal.Resumed:
                Invariant.Holds(_continued || _destinationKilled, "The destination runs a guest that was not handed over.");
                _destinationResumed = true;

                // It may have written to the disks: the source's memory is old from here on, whatever the source says.
                QuitSource(effects);
                break;
            case MigrationSignal.Failed:
                GiveUp(detail.Length > 0 ? detail : "The destination could not take the guest.", effects);
                break;
            case MigrationSignal.Gone:
                _destinationGone = true;
                GiveUp("The destination's process ended during the migration.", effects);
                break;
            case MigrationSignal.Setup or MigrationSignal.Active or MigrationSignal.Completed or MigrationSignal.Stopped
                or MigrationSignal.PreSwitchover or MigrationSignal.Device or MigrationSignal.Cancelled
                or MigrationSignal.DiskFailed:
                break;
            default:
                Invariant.Holds(false, $"A migration does not know the signal {signal}.");
                break;
        }
    }

    private void TakeTimer(Moment now, MigrationTimer timer, List<MigrationEffect> effects)
    {
        if (!_deadlines.TryGetValue(timer, out var deadline) || now < deadline)
        {
            // Set anew after it was on its way.
            return;
        }

        switch (timer)
        {
            case MigrationTimer.Stall:
                GiveUp(
                    _phase switch
                    {
                        MigrationPhase.Preparing => "The two ends were not ready in time.",
                        MigrationPhase.PreSwitchover => "The cluster's record of the owner did not change in time.",
                        _ => $"No memory was sent for {limits.Stall.TotalSeconds:0.#} s: the network to the destination or the "
                            + "source's storage stands still.",
                    },
                    effects);
                break;
            case MigrationTimer.Copy:
                GiveUp("The guest changes its memory faster than it can be sent.", effects);
                break;
            case MigrationTimer.HandOver:
                if (!_destinationResumed)
                {
                    Because("The destination did not resume the guest in time.");
                    KillDestination(effects);
                }

                break;
            case MigrationTimer.RollBack:
                _patienceEnded = true;
                break;
            default:
                Invariant.Holds(false, $"A migration does not know the timer {timer}.");
                break;
        }
    }

    /// <summary>Gives up while that is still ours to decide; after 'continue' only the source may say so.</summary>
    private void GiveUp(string reason, List<MigrationEffect> effects)
    {
        Because(reason);
        if (_continued || _phase == MigrationPhase.RollingBack)
        {
            return;
        }

        if (_migrateAsked && !_sourceOver && !_sourceGone)
        {
            effects.Add(new MigrationEffect.CancelSource());
        }

        RollBack(effects);
    }

    private void RollBack(List<MigrationEffect> effects)
    {
        if (_phase == MigrationPhase.RollingBack)
        {
            return;
        }

        Enter(MigrationPhase.RollingBack, effects);
        KillDestination(effects);
        if (_ownershipAsked)
        {
            effects.Add(new MigrationEffect.KeepOwnership());
        }
    }

    private void KillDestination(List<MigrationEffect> effects)
    {
        if (!_destinationKilled)
        {
            _destinationKilled = true;
            effects.Add(new MigrationEffect.KillDestination());
        }
    }

    private void QuitSource(List<MigrationEffect> effects)
    {
        if (!_sourceQuit)
        {
            _sourceQuit = true;
            effects.Add(new MigrationEffect.QuitSource());
        }
    }

    private void Settle(List<MigrationEffect> effects)
    {
        var sourceIsOut = _sourceQuit || _sourceCompleted || _sourceGone;
        if (_sourceGone && _destinationGone)
        {
            Finish(MigrationResult.RestartCold, effects);
        }
        else if (_destinationResumed && !_destinationKilled && !_destinationGone && (_sourceGone || _sourceOutOfReach))
        {
            // A source out of reach was told "completed" or is fenced off by the locks of its disks; it never goes on by itself.
            Finish(MigrationResult.Moved, effects);
        }
        else if (_phase == MigrationPhase.RollingBack && !sourceIsOut && (_destinationGone || _destinationOutOfReach)
            && (_sourceOver || !_migrateAsked))
        {
            if (!_guestStands)
            {
                Finish(MigrationResult.StayedAtSource, effects);
            }
            else if (_patienceEnded)
            {
                Finish(MigrationResult.StandsAtSource, effects);
            }
        }
        else if ((sourceIsOut && _destinationOutOfReach) || (_sourceOutOfReach && _destinationGone))
        {
            Finish(MigrationResult.Unknown, effects);
        }
    }

    private void Finish(MigrationResult result, List<MigrationEffect> effects)
    {
        Enter(MigrationPhase.Finished, effects);
        effects.Add(new MigrationEffect.Finish(new MigrationOutcome(result, result == MigrationResult.Moved ? "" : _reason)));
    }

    private void Enter(MigrationPhase phase, List<MigrationEffect> effects)
    {
        _phase = phase;
        effects.Add(new MigrationEffect.EnterPhase(phase));
    }

    private void SetTimer(MigrationTimer timer, Moment at, List<MigrationEffect> effects)
    {
        _deadlines[timer] = at;
        effects.Add(new MigrationEffect.SetTimer(timer, at));
    }

    /// <summary>The first reason is the cause; what follows is its consequence.</summary>
    private void Because(string reason) => _reason = _reason.Length == 0 ? reason : _reason;
}
