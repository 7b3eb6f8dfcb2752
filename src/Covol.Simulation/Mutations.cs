using Covol.Protocol.Layouts;
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
        ("no-lease-wait", "7: clusters change owners when the lease of a fenced node has ended",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { Layouts = new LayoutTimes { WaitsForLeases = false } } }),
        ("no-fence-at-eviction", "1: first the fence, then what the session held",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { FencesBeforeItFrees = false } }),
        ("no-doubt", "9, I3: a write that was given up lands before newer ones",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { DoubtsSlowWrites = false } }),
        ("no-request-end", "20, I3: a session ends after the requests that it still runs",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { EndsRequestsFirst = false } }),
        ("no-cut-turn", "I3: a cut keeps its turn before what came after it",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { KeepsCutsTurn = false } }),
        ("no-checkpoint-before-grant", "15: what the journal may replay is not granted", new Rules { ChecksJournalBeforeGrant = false }),
        ("no-kept-answers", "16, I5: answers survive a takeover",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { KeepsAnswersOverTakeover = false } }),
        ("no-kept-state", "16: a checkpoint keeps sessions and answers", new Rules { KeepsStateAtCheckpoint = false }),
        ("no-open-count", "17: a file lives until its last close on any node",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { CountsOpens = false } }),
        ("no-grace", "21: until grace ends no lock, cut or purge is new",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { RefusesInGrace = false } }),
        ("no-reclaim-check", "21: only what is true is reclaimed",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { ChecksReclaimedLayouts = false } }),
    ];
}
