using System.Globalization;
using System.Text;
using Covol.Protocol.Migration;
using Covol.Protocol.Units;

namespace Covol.Tests.Migration;

/// <summary>
/// Plays a scenario file: "# …" says what is shown, "@ 12s" sets the clock, "> …" is an input, indented lines are the effects
/// that the
/// machine answered with. <see cref="Play"/> gives the file back with the effects that really came.
/// </summary>
internal static class MigrationScenario
{
    public static string Play(string text)
    {
        var machine = new MigrationMachine(MigrationLimits.Default);
        var played = new StringBuilder();
        var now = default(Moment);
        foreach (var line in text.Split('\n').Where(line => !line.StartsWith("  ", StringComparison.Ordinal)))
        {
            played.Append(line).Append('\n');
            if (line.StartsWith("@ ", StringComparison.Ordinal))
            {
                now = default(Moment) + TimeSpan.FromSeconds(Number(line[2..^1]));
            }
            else if (line.StartsWith("> ", StringComparison.Ordinal))
            {
                List<MigrationEffect> effects = [];
                machine.Step(now, Input(line[2..].Split(' ', 3)), effects);
                effects.ForEach(effect => played.Append("  ").Append(Describe(effect)).Append('\n'));
            }
            else if (line.Length > 0 && line[0] != '#')
            {
                throw new FormatException($"A scenario has no such line: {line}");
            }
        }

        return played.ToString().TrimEnd('\n') + "\n";
    }

    private static MigrationInput Input(string[] words) => words switch
    {
        ["start"] => new MigrationInput.Started(),
        ["source-ready"] => new MigrationInput.SourceReady(),
        ["destination-ready", var address] => new MigrationInput.DestinationReady(address),
        ["ownership-moved"] => new MigrationInput.OwnershipMoved(),
        ["progress", var bytes] => new MigrationInput.Progress(Number(bytes)),
        ["source", var signal, .. var detail] =>
            new MigrationInput.FromSource(Enum.Parse<MigrationSignal>(signal), string.Concat(detail)),
        ["destination", var signal, .. var detail] =>
            new MigrationInput.FromDestination(Enum.Parse<MigrationSignal>(signal), string.Concat(detail)),
        ["timer", var timer] => new MigrationInput.TimerFired(Enum.Parse<MigrationTimer>(timer)),
        ["failed", var step, var reason] => new MigrationInput.StepFailed(Enum.Parse<MigrationStep>(step), reason),
        ["cancel", .. var reason] => new MigrationInput.CancelAsked(string.Join(' ', reason)),
        _ => throw new FormatException($"A scenario has no such input: {string.Join(' ', words)}"),
    };

    private static string Describe(MigrationEffect effect) => effect switch
    {
        MigrationEffect.EnterPhase entered => $"phase {entered.Phase}",
        MigrationEffect.Migrate migrate => $"source: migrate to {migrate.Address}",
        MigrationEffect.PrepareSource => "source: prepare",
        MigrationEffect.ContinueSource => "source: continue",
        MigrationEffect.CancelSource => "source: cancel",
        MigrationEffect.QuitSource => "source: quit",
        MigrationEffect.PrepareDestination => "destination: start and listen",
        MigrationEffect.KillDestination => "destination: kill",
        MigrationEffect.MoveOwnership => "ownership: move",
        MigrationEffect.KeepOwnership => "ownership: keep",
        MigrationEffect.SetTimer timer => $"timer {timer.Timer} at {(timer.At - default(Moment)).TotalSeconds:0}s",
        MigrationEffect.Finish { Outcome: { Result: var result, Reason: "" } } => $"finish {result}",
        MigrationEffect.Finish { Outcome: var outcome } => $"finish {outcome.Result}: {outcome.Reason}",
        _ => throw new ArgumentOutOfRangeException(nameof(effect), effect, "An effect without a word for it."),
    };

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);
}
