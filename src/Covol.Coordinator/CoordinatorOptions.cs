using Covol.Protocol.Layouts;

namespace Covol.Coordinator;

/// <summary>Limits and times of a coordinator. The defaults are DESIGN 6's.</summary>
public sealed record CoordinatorOptions
{
    public LayoutTimes Layouts { get; init; } = new();

    /// <summary>Slots of one session.</summary>
    public int SlotsMax { get; init; } = 256;

    /// <summary>Further slots, for returns, renewals, unlocks and closes.</summary>
    public int ReservedSlots { get; init; } = 32;

    public int SessionsMax { get; init; } = 64;

    /// <summary>Open handles of one session.</summary>
    public int HandlesMax { get; init; } = 65_536;

    /// <summary>The longest time for sessions to reclaim after a takeover.</summary>
    public TimeSpan GraceMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Grace never runs longer than this, also while sessions are just reclaiming.</summary>
    public TimeSpan GraceLimit { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a fenced key's holder may take to end its I/O before it is ended.</summary>
    public TimeSpan DrainLimit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Times that change by writing are committed at least this often.</summary>
    public TimeSpan TimesCommit { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How often the coordinator looks whether its own key is registered still, while nobody asks it anything. No answer waits for this:
    /// each has its own check.
    /// </summary>
    public TimeSpan KeyWatch { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Threads that read and write file data for redirected requests.</summary>
    public int DataThreads { get; init; } = 4;

    /// <summary>
    /// So long one request may zero or fill with its file's gate, and one step more; then others get their turns. Well below
    /// <see cref="DoubtAfter"/>, so that a long range does not put its file in doubt.
    /// </summary>
    public TimeSpan HoldMax { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The most that is zeroed or filled with one step, in bytes.</summary>
    public long StepMax { get; init; } = 8 << 20;

    /// <summary>The most places of a file that are told at once.</summary>
    public int PlacesMax { get; init; } = Layout.ExtentsMax;

    /// <summary>The most that one commit allocates, in bytes, so that its bitmap pages fit the journal with room to spare.</summary>
    public long GrowStepMax { get; init; } = 16L << 30;

    /// <summary>The longest data of one request.</summary>
    public int DataMax { get; init; } = 1 << 20;

    /// <summary>
    /// A redirected write that is inside longer puts its file in doubt. Together with a recall and a fence it must be over before any
    /// client gives the write up, so well below the wait limit of every mount (60 s).
    /// </summary>
    public TimeSpan DoubtAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// A smaller gap is written as zeroes, and a smaller part of a hole is not filled, in bytes: pieces cost more than zeroes.
    /// </summary>
    public long HoleMin { get; init; } = 64 << 10;

    /// <summary>
    /// Files with less valid data get no tail: what it costs to give one and to take it back, four commits, they never earn.
    /// </summary>
    public long TailFrom { get; init; } = 64 << 10;

    /// <summary>
    /// A tail is four times as long as the file, but at least this, in bytes, and at most <see cref="TailStepMax"/>; each time it is made
    /// longer it gets twice as much again, within the same limits.
    /// </summary>
    public long TailMin { get; init; } = 16 << 20;

    /// <summary>The most that a tail gets at once.</summary>
    public long TailStepMax { get; init; } = 256 << 20;

    /// <summary>No tail reaches further behind valid length: what is left out in between has to be made zero in one go.</summary>
    public long TailMax { get; init; } = 1 << 30;

    /// <summary>Whether nodes may write behind valid length by themselves. Without it each such write is the coordinator's.</summary>
    public bool GrantsTails { get; init; } = true;

    /// <summary>
    /// How long a session may show attributes and names that it keeps after a renewal. So long everyone waits with changes for one that
    /// does not answer a recall, and after a takeover for sessions that have not come back. Zero: none keeps any.
    /// </summary>
    public TimeSpan AttributeLease { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>For tests that show what a guard is for: without it a change is made while others may show what was before it.</summary>
    internal bool RecallsAttributes { get; init; } = true;

    /// <summary>Whether the first data of small files goes through the journal, and they go in one change.</summary>
    public bool JournalsSmallFiles { get; init; } = true;

    /// <summary>
    /// For tests that show what a guard is for: without it, and without the journal's own look, data is journalled where nodes write.
    /// </summary>
    internal bool LooksBeforeSmallWrites { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a file is opened while its last name takes it along.</summary>
    internal bool WaitsForRemovals { get; init; } = true;

    /// <summary>How long a hand-over waits for what is under way.</summary>
    public TimeSpan HandOverLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// For tests that show what a guard is for: without recalls, clusters go while others still write them. Never off elsewhere.
    /// </summary>
    internal bool RecallsLayouts { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a write that was given up lands over newer ones.</summary>
    internal bool DoubtsSlowWrites { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a hole that was filled shows what its clusters held before.</summary>
    internal bool ZeroesFilledHoles { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it nodes flush what is lost by themselves and say that it is stable.</summary>
    internal bool RecallsLostFiles { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a flush that failed at a node is that node's own business.</summary>
    internal bool BelievesFailedFlushes { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it nodes write clusters that a punch has given to others.</summary>
    internal bool RecallsBeforePunch { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a crash shows what clusters held before their file's data.</summary>
    internal bool FlushesBeforeValid { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a failed flush is told to one asker only.</summary>
    internal bool RemembersLostWrites { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a session ends before the requests that it still runs.</summary>
    internal bool EndsRequestsFirst { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a deposed coordinator goes on answering.</summary>
    internal bool ChecksOwnKey { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a request that comes again is carried out again.</summary>
    internal bool RemembersAnswers { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it what lies between a tail's writes shows what was there before.</summary>
    internal bool ZeroesTails { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it nobody asks for what a tail's holder has acknowledged.</summary>
    internal bool AsksTails { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it two extensions of a file meet.</summary>
    internal bool SerialisesExtensions { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a cut that was given up cuts what was written after it.</summary>
    internal bool KeepsCutsTurn { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a session that was evicted while it was resumed comes back.</summary>
    internal bool RefusesEndedResumption { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it requests for an earlier coordinator are carried out.</summary>
    internal bool ChecksEpoch { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a request that comes again after a takeover is carried out again.</summary>
    internal bool KeepsAnswersOverTakeover { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a later coordinator frees what an evicted node may still read.</summary>
    internal bool KeepsLeasesOverTakeover { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a reclaimed layout is not recalled.</summary>
    internal bool NotesReclaimedLayouts { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it new locks are given out before the old ones are reclaimed.</summary>
    internal bool RefusesInGrace { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it what an evicted session held goes while its key still writes.</summary>
    internal bool FencesBeforeItFrees { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a layout is reclaimed by whoever says that he had it.</summary>
    internal bool ChecksReclaimedLayouts { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a file is purged while somebody has it open.</summary>
    internal bool CountsOpens { get; init; } = true;
}
