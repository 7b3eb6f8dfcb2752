using Covol.Protocol.Migration;

namespace Covol.VirtualMachines.Migration;

/// <summary>Collects the times of one migration. Used by its loop only, except for <see cref="Take"/>'s fields, which one pump
/// each sets.</summary>
internal sealed class MigrationTimes(TimeProvider time)
{
    /// <summary>A guest that wrote nothing for longer before it stood is too silent to measure its blackout by its
    /// console.</summary>
    private static readonly TimeSpan s_talkative = TimeSpan.FromSeconds(1);

    private readonly long _start = time.GetTimestamp();
    private TimeSpan? _copyBegan;
    private TimeSpan? _copyEnded;
    private TimeSpan? _resumed;
    private DateTimeOffset? _stoppedAt;
    private DateTimeOffset? _resumedAt;

    public void Enter(MigrationPhase phase)
    {
        switch (phase)
        {
            case MigrationPhase.Copying:
                _copyBegan = Elapsed();
                break;
            case MigrationPhase.PreSwitchover:
                _copyEnded = Elapsed();
                break;
            case MigrationPhase.Preparing or MigrationPhase.HandingOver or MigrationPhase.AwaitingResume
                or MigrationPhase.RollingBack or MigrationPhase.Finished:
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(phase), phase, "An unknown phase.");
        }
    }

    public void Take(MigrationInput input, DateTimeOffset at)
    {
        switch (input)
        {
            case MigrationInput.FromSource { Signal: MigrationSignal.Stopped }:
                _stoppedAt = at;
                break;
            case MigrationInput.FromDestination { Signal: MigrationSignal.Resumed }:
                _resumedAt = at;
                _resumed = Elapsed();
                break;
        }
    }

    public LiveMigrationResult ToResult(MigrationOutcome outcome, SourceFarewell? farewell, DateTimeOffset? firstOutput)
    {
        var moved = outcome.Result == MigrationResult.Moved;
        var (blackout, by) = moved ? Blackout(farewell?.LastOutputAt, firstOutput) : (null, BlackoutMeasure.NotMeasured);
        return new LiveMigrationResult(
            outcome, _copyBegan, _copyEnded - _copyBegan, moved ? _resumed - _copyEnded : null,
            moved ? _resumed ?? Elapsed() : Elapsed(), moved ? farewell?.Downtime : null, blackout, by, farewell?.SentBytes);
    }

    private (TimeSpan?, BlackoutMeasure) Blackout(DateTimeOffset? last, DateTimeOffset? first)
    {
        if (last is { } end && first is { } begin && _stoppedAt is { } stopped && stopped - end < s_talkative)
        {
            return (begin - end, BlackoutMeasure.Console);
        }

        return _resumedAt - _stoppedAt is { } between ? (between, BlackoutMeasure.Events) : (null, BlackoutMeasure.NotMeasured);
    }

    private TimeSpan Elapsed() => time.GetElapsedTime(_start);
}
