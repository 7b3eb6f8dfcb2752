using Covol.Simulation.Parts;

namespace Covol.Simulation;

/// <summary>Rules of SAFETY that can be switched off one by one; the world has to find the absence of each.</summary>
internal static class Mutations
{
    public static IReadOnlyList<(string Name, string Rule, Rules Rules)> All { get; } =
    [
        ("no-coordinator-fence", "2: an older coordinator's key is preempted before the volume is used",
            new Rules { FencesOlderCoordinators = false }),
        ("no-drain", "I2: a fence ends what is in flight", new Rules { DrainsPreempted = false }),
        ("no-key-check", "the LUN refuses who is not registered", new Rules { ChecksKeys = false }),
        ("no-lease-end", "7: a read under a lease that ran out is not shown", new Rules { LeasesEnd = false }),
        ("no-recall", "22, I4: layouts are recalled before clusters are freed",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { RecallsLayouts = false } }),
        ("no-answers", "16, I5: a request that comes again is answered, not carried out again",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { RemembersAnswers = false } }),
        ("no-extension-order", "12: extensions of one file come one after the other",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { SerialisesExtensions = false } }),
        ("no-own-key-check", "2, 7: a coordinator says nothing without a live key",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { ChecksOwnKey = false } }),
        ("no-tail-zeroes", "13: what lies between the writes of a tail becomes zero before it is valid",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { ZeroesTails = false } }),
        ("no-tail-look", "13: who looks at a file sees what the holder of its tail has acknowledged",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { AsksTails = false } }),
        ("no-tail-commit", "13, I6: a tail is told before a fsync is answered", new Rules { TellsTails = false }),
        ("no-replay", "I6: recovery carries out what the journal holds", new Rules { Replays = false }),
        ("no-flush", "19, I6: a flush makes stable what was written", new Rules { Flushes = false }),
    ];
}
