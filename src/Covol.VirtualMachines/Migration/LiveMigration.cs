using System.Threading.Channels;
using Covol.Protocol;
using Covol.Protocol.Migration;
using Covol.Protocol.Units;
using Microsoft.Extensions.Logging;

namespace Covol.VirtualMachines.Migration;

/// <summary>
/// Carries out what <see cref="MigrationMachine"/> decides: one loop feeds it, each effect is a task of its own, so that a step
/// that
/// hangs never keeps a report or a deadline from the machine. All tasks have ended when the run returns.
/// </summary>
public sealed class LiveMigration : IDisposable
{
    private const int InputsMax = 256;

    /// <summary>For ending a process through a connection that breaks.</summary>
    private const int EndAttemptsMax = 20;

    private static readonly TimeSpan s_progressEvery = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_retryEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_firstOutputPatience = TimeSpan.FromSeconds(5);

    private readonly string _name;
    private readonly IMigrationSource _source;
    private readonly IMigrationDestination _destination;
    private readonly IMigrationOwnership _ownership;
    private readonly MigrationSettings _settings;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly MigrationMachine _machine;
    private readonly long _start;
    private readonly MigrationTimes _times;
    private readonly Channel<MigrationInput> _inputs = Channel.CreateBounded<MigrationInput>(InputsMax);
    private readonly Dictionary<MigrationTimer, Moment> _timers = [];
    private readonly List<Task> _running = [];
    private readonly CancellationTokenSource _finishing = new();
    private SourceFarewell? _farewell;
    private Task _quitting = Task.CompletedTask;
    private Task _movingOwnership = Task.CompletedTask;
    private MigrationOutcome? _outcome;

    private LiveMigration(
        string name, IMigrationSource source, IMigrationDestination destination, IMigrationOwnership ownership,
        MigrationSettings settings, TimeProvider time, ILogger log)
    {
        _name = name;
        _source = source;
        _destination = destination;
        _ownership = ownership;
        _settings = settings;
        _time = time;
        _log = log;
        _start = time.GetTimestamp();
        _machine = new MigrationMachine(settings.Limits);
        _times = new MigrationTimes(time);
    }

    /// <summary>
    /// Moves the guest. <paramref name="cancellation"/> gives the move up while that is possible, and RunAsync still returns how
    /// it
    /// ended: a migration is never left alone half way.
    /// </summary>
    public static async Task<LiveMigrationResult> RunAsync(
        string name, IMigrationSource source, IMigrationDestination destination, IMigrationOwnership ownership,
        MigrationSettings settings, TimeProvider time, ILogger log, CancellationToken cancellation)
    {
        using var migration = new LiveMigration(name, source, destination, ownership, settings, time, log);
        return await migration.RunAsync(cancellation).ConfigureAwait(false);
    }

    public void Dispose() => _finishing.Dispose();

    private async Task<LiveMigrationResult> RunAsync(CancellationToken cancellation)
    {
        var asked = cancellation.Register(
            () => _inputs.Writer.TryWrite(new MigrationInput.CancelAsked("The move was cancelled.")));
        await using (asked.ConfigureAwait(false))
        {
            try
            {
                // Before anything else, so that no event is missed.
                _ = Run(() => PumpAsync(_source, (signal, detail) => new MigrationInput.FromSource(signal, detail)));
                Feed(new MigrationInput.Started());
                while (_outcome is null)
                {
                    Feed(await NextAsync().ConfigureAwait(false));
                }

                var firstOutput = _outcome.Result == MigrationResult.Moved ? await FirstOutputAsync().ConfigureAwait(false) : null;
                await _quitting.ConfigureAwait(false);
                return _times.ToResult(_outcome, _farewell, firstOutput);
            }
            finally
            {
                await _finishing.CancelAsync().ConfigureAwait(false);
                await Task.WhenAll(_running).ConfigureAwait(false);
            }
        }
    }

    private async Task<DateTimeOffset?> FirstOutputAsync()
    {
        try
        {
            return await _destination.FirstOutputAsync(s_firstOutputPatience, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is not InvariantBrokenException)
        {
            // The guest has moved; only a figure of the report is missing.
            VirtualMachineLog.MeasureFailed(_log, _name, failure.Message);
            return null;
        }
    }

    private async Task<MigrationInput> NextAsync()
    {
        while (true)
        {
            if (_inputs.Reader.TryRead(out var input))
            {
                return input;
            }

            if (_timers.Count == 0)
            {
                return await _inputs.Reader.ReadAsync().ConfigureAwait(false);
            }

            var (timer, at) = _timers.MinBy(entry => entry.Value);
            var left = at - Now();
            if (left <= TimeSpan.Zero)
            {
                _timers.Remove(timer);
                return new MigrationInput.TimerFired(timer);
            }

            using var limit = new CancellationTokenSource(left, _time);
            try
            {
                await _inputs.Reader.WaitToReadAsync(limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The timer is due.
            }
        }
    }

    private void Feed(MigrationInput input)
    {
        List<MigrationEffect> effects = [];
        _machine.Step(Now(), input, effects);
        effects.ForEach(CarryOut);
    }

    private void CarryOut(MigrationEffect effect)
    {
        switch (effect)
        {
            case MigrationEffect.PrepareSource:
                Begin(MigrationStep.PrepareSource, async stop =>
                {
                    await _source.PrepareAsync(_settings, stop).ConfigureAwait(false);
                    await TellAsync(new MigrationInput.SourceReady()).ConfigureAwait(false);
                });
                break;
            case MigrationEffect.PrepareDestination:
                Begin(MigrationStep.PrepareDestination, PrepareDestinationAsync);
                break;
            case MigrationEffect.Migrate migrate:
                Begin(MigrationStep.Migrate, stop => _source.MigrateAsync(migrate.Address, stop));
                Run(WatchProgressAsync);
                break;
            case MigrationEffect.MoveOwnership:
                _movingOwnership = Begin(MigrationStep.MoveOwnership, async stop =>
                {
                    await _ownership.MoveAsync(stop).ConfigureAwait(false);
                    await TellAsync(new MigrationInput.OwnershipMoved()).ConfigureAwait(false);
                });
                break;
            case MigrationEffect.KeepOwnership:
                var moving = _movingOwnership;
                Begin(MigrationStep.MoveOwnership, async _ =>
                {
                    // One after the other: a late change must not overtake its undoing.
                    await moving.ConfigureAwait(false);
                    await _ownership.KeepAsync(CancellationToken.None).ConfigureAwait(false);
                });
                break;
            case MigrationEffect.ContinueSource:
                Begin(MigrationStep.ContinueSource, _source.ContinueAsync);
                break;
            case MigrationEffect.CancelSource:
                Begin(MigrationStep.CancelSource, _source.CancelAsync);
                break;
            case MigrationEffect.QuitSource:
                _quitting = Begin(MigrationStep.QuitSource, stop => AgainAsync(QuitSourceAsync, stop));
                break;
            case MigrationEffect.KillDestination:
                Begin(MigrationStep.KillDestination, stop => AgainAsync(KillDestinationAsync, stop));
                break;
            case MigrationEffect.SetTimer timer:
                _timers[timer.Timer] = timer.At;
                break;
            case MigrationEffect.EnterPhase entered:
                _times.Enter(entered.Phase);
                VirtualMachineLog.MigrationPhase(_log, _name, entered.Phase);
                break;
            case MigrationEffect.Finish finish:
                _outcome = finish.Outcome;
                break;
            default:
                Invariant.Holds(false, $"The driver of migrations does not know the effect {effect.GetType().Name}.");
                break;
        }
    }

    private async Task PrepareDestinationAsync(CancellationToken stop)
    {
        var address = await _destination.PrepareAsync(stop).ConfigureAwait(false);
        _ = Run(() => PumpAsync(_destination, (signal, detail) => new MigrationInput.FromDestination(signal, detail)));
        await TellAsync(new MigrationInput.DestinationReady(address)).ConfigureAwait(false);
    }

    private async Task QuitSourceAsync()
    {
        _farewell = await _source.QuitAsync(CancellationToken.None).ConfigureAwait(false);
        await TellAsync(new MigrationInput.FromSource(MigrationSignal.Gone, "")).ConfigureAwait(false);
    }

    private async Task KillDestinationAsync()
    {
        await _destination.KillAsync(CancellationToken.None).ConfigureAwait(false);
        await TellAsync(new MigrationInput.FromDestination(MigrationSignal.Gone, "")).ConfigureAwait(false);
    }

    /// <summary>Ending a process must not fail because a connection to its node broke for a moment.</summary>
    private async Task AgainAsync(Func<Task> end, CancellationToken stop)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await end().ConfigureAwait(false);
                return;
            }
            catch (Exception failure) when (attempt < EndAttemptsMax && failure is not InvariantBrokenException)
            {
                VirtualMachineLog.MigrationStepFailed(_log, _name, MigrationStep.QuitSource, failure.Message);
                await Task.Delay(s_retryEvery, _time, stop).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Runs one step beside the loop; its failure becomes an input.</summary>
    private Task Begin(MigrationStep step, Func<CancellationToken, Task> act) => Run(async () =>
    {
        try
        {
            await act(_finishing.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_finishing.IsCancellationRequested)
        {
            // The migration has ended; this step is not needed any more.
        }
        catch (Exception failure) when (failure is not InvariantBrokenException)
        {
            VirtualMachineLog.MigrationStepFailed(_log, _name, step, failure.Message);

            // Anything else than a clear refusal leaves it in doubt whether these two were carried out: the reports tell.
            if (failure is VirtualMachineException || step is not (MigrationStep.Migrate or MigrationStep.ContinueSource))
            {
                await TellAsync(new MigrationInput.StepFailed(step, failure.Message)).ConfigureAwait(false);
            }
        }
    });

    private Task Run(Func<Task> act)
    {
        var task = GuardAsync(act);
        lock (_running)
        {
            _running.Add(task);
        }

        return task;
    }

    /// <summary>What nobody expected ends the loop, and so the whole migration, instead of a task that nobody looks at.</summary>
    private async Task GuardAsync(Func<Task> act)
    {
        await Task.Yield();
        try
        {
            await act().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_finishing.IsCancellationRequested)
        {
            // The migration has ended.
        }
        catch (Exception failure)
        {
            _inputs.Writer.TryComplete(failure);
        }
    }

    private async Task PumpAsync(IMigrationEnd end, Func<MigrationSignal, string, MigrationInput> toInput)
    {
        await foreach (var report in end.ReportsAsync(_finishing.Token).ConfigureAwait(false))
        {
            var input = toInput(report.Signal, report.Detail);
            _times.Take(input, report.At);
            await TellAsync(input).ConfigureAwait(false);
        }
    }

    private async Task WatchProgressAsync()
    {
        using var ticks = new PeriodicTimer(s_progressEvery, _time);
        while (await ticks.WaitForNextTickAsync(_finishing.Token).ConfigureAwait(false)
            && _machine.Phase == MigrationPhase.Copying)
        {
            if (await _source.TransferredAsync(_finishing.Token).ConfigureAwait(false) is { } transferred)
            {
                await TellAsync(new MigrationInput.Progress(transferred)).ConfigureAwait(false);
            }
        }
    }

    private ValueTask TellAsync(MigrationInput input) => _inputs.Writer.WriteAsync(input, _finishing.Token);

    /// <summary>Deadlines of one migration only ever meet each other, so any steady clock will do.</summary>
    private Moment Now() => new(_time.GetElapsedTime(_start).Ticks * 100);
}
