using Covol.Ntfs.Journal;
using Covol.Protocol.Layouts;
using Covol.Simulation.Parts;

namespace Covol.Simulation;

/// <summary>Rules of SAFETY that can be switched off one by one; the worlds have to find the absence of each.</summary>
internal static class Mutations
{
    public static IReadOnlyList<Mutation> All { get; } =
    [
        new("no-coordinator-fence", 2, "2: an older coordinator's key is preempted before the volume is used",
            new Rules { FencesOlderCoordinators = false }),
        new("no-drain", 6, "I2: a fence ends what is in flight", new Rules { DrainsPreempted = false }),
        new("no-key-check", 10, "the LUN refuses who is not registered", new Rules { ChecksKeys = false }),
        new("no-lease-end", 324, "7: a read under a lease that ran out is not shown", new Rules { LeasesEnd = false }),
        new("no-recall", 1, "22, I4: layouts are recalled before clusters are freed",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { RecallsLayouts = false } }),
        new("no-answers", 61, "16, I5: a request that comes again is answered, not carried out again",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { RemembersAnswers = false } }),
        new("no-extension-order", 8, "12: extensions of one file come one after the other",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { SerialisesExtensions = false } }),
        new("no-own-key-check", 218, "2, 7: a coordinator says nothing without a live key",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { ChecksOwnKey = false } }),
        new("no-punch-recall", 10, "22, I4: layouts are recalled before a hole's clusters are freed",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { RecallsBeforePunch = false } }),
        new("no-fill-zeroes", 10, "12, I7: what fills a hole is zero before it takes its place",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { ZeroesFilledHoles = false } }),
        new("no-valid-flush", 1, "12: data is stable before it is valid",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { FlushesBeforeValid = false } }),
        new("no-tail-zeroes", 3, "13: what lies between the writes of a tail becomes zero before it is valid",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { ZeroesTails = false } }),
        new("no-tail-look", 3, "13: who looks at a file sees what the holder of its tail has acknowledged",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { AsksTails = false } }),
        new("no-tail-commit", 536, "13, I6: a tail is told before a fsync is answered", new Rules { TellsTails = false }),
        new("no-replay", 2, "I6: recovery carries out what the journal holds", new Rules { Replays = false }),
        new("no-flush", 1, "19, I6: a flush makes stable what was written", new Rules { Flushes = false }),
        new("no-lease-wait", 86, "7: clusters change owners when the lease of a fenced node has ended",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { Layouts = new LayoutTimes { WaitsForLeases = false } } }),
        new("no-fence-at-eviction", 314, "1: first the fence, then what the session held",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { FencesBeforeItFrees = false } }),
        new("no-doubt", 6, "9, I3: a write that was given up lands before newer ones",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { DoubtsSlowWrites = false } }),
        new("no-request-end", 4, "20, I3: a session ends after the requests that it still runs",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { EndsRequestsFirst = false } }),
        new("no-cut-turn", 244, "I3: a cut keeps its turn before what came after it",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { KeepsCutsTurn = false } }),
        new("no-checkpoint-before-grant", 1, "15: what the journal may replay is not granted", new Rules { ChecksJournalBeforeGrant = false }),
        new("no-look-at-journal", 1, "15: data goes through the journal only where nobody can have written it past the journal",
            new Rules
            {
                Journal = JournalControls.All with { JournalsOnlyItsOwn = false },
                CoordinatorOptions = Rules.SmallFiles with { LooksBeforeSmallWrites = false },
            }),
        new("no-removal-wait", 12, "17: who opens a file waits for the change that takes it along with its last name",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { WaitsForRemovals = false } }),
        new("no-write-back", 1, "15: data that was journalled is in its place before its record is void",
            new Rules { Journal = JournalControls.All with { WriteBackBeforeLap = false } }),
        new("no-flush-before-lap", 1, "15, I6: data that was journalled is stable in its place before its record is void",
            new Rules { Journal = JournalControls.All with { FlushBeforeLap = false } }),
        new("no-record-flush", 53, "12, I6: a record is stable before it is answered",
            new Rules { Journal = JournalControls.All with { FlushRecords = false } }),
        new("no-kept-answers", 231, "16, I5: answers survive a takeover",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { KeepsAnswersOverTakeover = false } }),
        new("no-kept-state", 3, "16: a checkpoint keeps sessions and answers", new Rules { KeepsStateAtCheckpoint = false }),
        new("no-open-count", 1, "17: a file lives until its last close on any node",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { CountsOpens = false } }),
        new("no-grace", 32, "21: until grace ends no lock, cut or purge is new",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { RefusesInGrace = false } }),
        new("no-reclaim-note", 7, "21: what was reclaimed is recalled before its clusters are freed",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { NotesReclaimedLayouts = false } }),
        new("no-attribute-recall", 2, "attributes and names are the same on all nodes",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { RecallsAttributes = false } }),
        new("no-kept-leases", 118, "7, 16: a later coordinator waits for the leases of the evicted",
            new Rules { CoordinatorOptions = Rules.SmallFiles with { KeepsLeasesOverTakeover = false } }),
    ];
}
