using Covol.Protocol.Migration;
using Covol.Protocol.Units;
using Shouldly;
using Xunit;

namespace Covol.Tests.Migration;

/// <summary>What holds in every order of events, tried with random ones.</summary>
public sealed class MigrationProperties
{
    private const int StepsMax = 400;

    [Fact]
    public void No_order_of_events_breaks_the_rules_of_handing_over()
    {
        for (var seed = 0; seed < 3000; seed++)
        {
            Play(seed);
        }
    }

    private static void Play(int seed)
    {
        var random = new Random(seed);
        var machine = new MigrationMachine(MigrationLimits.Default);
        var story = new List<MigrationEffect>();
        var now = default(Moment);
        machine.Step(now, new MigrationInput.Started(), story);
        var resumed = false;
        for (var step = 0; step < StepsMax && machine.Phase != MigrationPhase.Finished; step++)
        {
            now += TimeSpan.FromMilliseconds(random.Next(3000));
            var input = Any(random);
            if (input is MigrationInput.FromDestination { Signal: MigrationSignal.Resumed })
            {
                if (!story.OfType<MigrationEffect.ContinueSource>().Any())
                {
                    // QEMU cannot: a destination gets its last state after 'continue' only.
                    continue;
                }

                resumed = true;
            }

            List<MigrationEffect> effects = [];
            machine.Step(now, input, effects);
            story.AddRange(effects);
            Check(seed, input, story, resumed);
        }

        story.OfType<MigrationEffect.Finish>().Count().ShouldBe(
            machine.Phase == MigrationPhase.Finished ? 1 : 0, $"seed {seed}");
    }

    private static void Check(int seed, MigrationInput input, List<MigrationEffect> story, bool resumed)
    {
        var why = $"seed {seed} at {input}: {string.Join("; ", story)}";
        var continued = story.FindIndex(effect => effect is MigrationEffect.ContinueSource);
        var refused = input is MigrationInput.StepFailed;
        var quit = story.Any(effect => effect is MigrationEffect.QuitSource);
        var killed = story.Any(effect => effect is MigrationEffect.KillDestination);
        var outcome = story.OfType<MigrationEffect.Finish>().SingleOrDefault()?.Outcome.Result;

        if (resumed && outcome is null)
        {
            quit.ShouldBeTrue(why);
        }

        if (continued >= 0 && !refused && !story.Any(effect => effect is MigrationEffect.KeepOwnership))
        {
            story.FindIndex(continued, effect => effect is MigrationEffect.CancelSource).ShouldBe(-1, why);
        }

        switch (outcome)
        {
            case MigrationResult.Moved:
                resumed.ShouldBeTrue(why);
                killed.ShouldBeFalse(why);
                break;
            case MigrationResult.StayedAtSource or MigrationResult.StandsAtSource:
                resumed.ShouldBeFalse(why);
                quit.ShouldBeFalse(why);
                killed.ShouldBeTrue(why);
                break;
        }
    }

    private static MigrationInput Any(Random random) => random.Next(9) switch
    {
        0 => new MigrationInput.SourceReady(),
        1 => new MigrationInput.DestinationReady("tcp:10.0.0.2:1"),
        2 => new MigrationInput.OwnershipMoved(),
        3 => new MigrationInput.Progress(random.Next(1000)),
        4 or 5 => new MigrationInput.FromSource(Pick<MigrationSignal>(random), ""),
        6 => new MigrationInput.FromDestination(Pick<MigrationSignal>(random), ""),
        7 => new MigrationInput.TimerFired(Pick<MigrationTimer>(random)),
        _ when random.Next(4) == 0 => new MigrationInput.StepFailed(Pick<MigrationStep>(random), "It failed."),
        _ => new MigrationInput.CancelAsked("Cancelled."),
    };

    private static T Pick<T>(Random random)
        where T : struct, Enum
    {
        var values = Enum.GetValues<T>();
        return values[random.Next(values.Length)];
    }
}
