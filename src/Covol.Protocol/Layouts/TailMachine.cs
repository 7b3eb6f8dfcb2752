using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Protocol.Layouts;

/// <summary>
/// Who may write behind the valid length of which file, and how others learn what is there. Pure and single-threaded.
/// </summary>
/// <remarks>
/// <code>
///              Claimed                       Ended (told for the last time, or the session is over)
///   (nobody) ──────────► one session's tail ─────────────────────────────────────────────────────► (nobody)
///                          │  ▲                                         │
///                     Look │  │ Told                                    │ FlushFailed
///                          └──┘                                         └──► void: nothing told of it counts
/// </code>
/// <para>
/// A claim outlives the layout it came with: what its holder acknowledged to programs lies on the LUN, but only the holder knows how
/// far it goes. So a claim ends when the holder told it and that is stable, or with the holder's session (it is fenced then, and what it had
/// not told never becomes valid). A fence alone does not end it: a node that lost its path, or was slow, is alive, and programs there count
/// on what they wrote (SAFETY 1, I9). Claims are journalled before they are given away, so a coordinator that takes over knows whom to ask.
/// There is a limit: who hangs and cannot tell would make everybody who looks at the file wait for ever. After it the holder, long
/// fenced by then, loses the tail with what it had not told.
/// </para>
/// <para>
/// A look keeps the tail: its holder tells, and writes on. A change ends it, and a file that a second session writes to
/// behind valid length gets no tail for a while: it would be asked for and taken away all the time.
/// </para>
/// </remarks>
public sealed class TailMachine
{
    /// <summary>Tails at one time. They are in each checkpoint of the journal; a file without one is written through the coordinator.</summary>
    public const int ClaimsMax = 512;

    /// <summary>Files whose contention is remembered.</summary>
    private const int ContendedMax = 4_096;

    private readonly LayoutTimes _times;
    private readonly Dictionary<FileId, Tail> _tails = [];
    private readonly Dictionary<FileId, Moment> _contended = [];
    private readonly List<Request> _requests = [];
    private Moment? _timer;

    /// <param name="times">How often and how long a holder is asked.</param>
    public TailMachine(LayoutTimes times) => _times = times;

    public int Count => _tails.Count;

    /// <summary>Whether somebody may be writing behind the file's valid length.</summary>
    public bool IsClaimed(FileId file) => _tails.ContainsKey(file);

    /// <summary>Whose the file's tail is.</summary>
    public SessionId? HolderOf(FileId file) => _tails.TryGetValue(file, out var tail) ? tail.Session : null;

    public IReadOnlyList<FileId> ClaimsOf(SessionId session) =>
        [.. _tails.Where(entry => entry.Value.Session == session).Select(entry => entry.Key)];

    /// <summary>Whether the file's tail may be given to somebody.</summary>
    public bool MayClaim(Moment now, FileId file) =>
        !_tails.ContainsKey(file)
        && _tails.Count < ClaimsMax
        && !_requests.Exists(request => request.File == file)
        && !(_contended.TryGetValue(file, out var until) && now < until);

    /// <summary>Whether what this session tells of this grant counts: it has the tail, and no flush has failed since.</summary>
    public bool Counts(FileId file, SessionId session, LayoutGeneration generation) => IsOf(file, session, generation) && !_tails[file].IsVoid;

    /// <summary>Whether the file's tail is this session's, under this grant.</summary>
    public bool IsOf(FileId file, SessionId session, LayoutGeneration generation) =>
        _tails.TryGetValue(file, out var tail) && tail.Session == session && tail.Generation == generation;

    /// <summary>Whether somebody waits for this tail's holder beyond the limit, and the holder is not telling just now.</summary>
    public bool IsOverdue(Moment now, FileId file, LayoutGeneration generation) =>
        Find(file, generation) is { Telling: 0 } && _requests.Exists(request => request.File == file && now >= request.Limit);

    public void Step(Moment now, TailInput input, List<TailEffect> effects)
    {
        ArgumentNullException.ThrowIfNull(effects);
        switch (input)
        {
            case TailInput.Claimed claimed:
                Invariant.Holds(!_tails.ContainsKey(claimed.File), $"The tail of {claimed.File} was given to two sessions.");
                _tails.Add(claimed.File, new Tail(claimed.Session, claimed.Generation));
                break;
            case TailInput.Ended ended:
                _tails.Remove(ended.File);
                Answer(ended.File, long.MaxValue, isOver: true, effects);
                break;
            case TailInput.Look look:
                Ask(now, look.File, look.Ticket, isLast: false, effects);
                break;
            case TailInput.End end:
                NoteContention(now, end);
                Ask(now, end.File, end.Ticket, isLast: true, effects);
                break;
            case TailInput.Told told:
                Answer(told.File, told.Ticket, isOver: false, effects);
                break;
            case TailInput.TellingBegan began:
                if (Find(began.File, began.Generation) is { } stopped && stopped.Telling++ == 0)
                {
                    stopped.StoppedAt = now;
                }

                break;
            case TailInput.TellingEnded over:
                if (Find(over.File, over.Generation) is { } telling && --telling.Telling == 0)
                {
                    RunOn(now, over.File, telling.StoppedAt);
                }

                break;
            case TailInput.FlushFailed failed:
                foreach (var (file, tail) in _tails)
                {
                    tail.IsVoid |= failed.Files?.Contains(file) ?? true;
                }

                break;
            case TailInput.TimerFired:
                break;
            default:
                throw new InvariantBrokenException($"The tail machine does not know {input?.GetType().Name}.");
        }

        AskAgain(now, effects);
        SetTimer(effects);
    }

    private Tail? Find(FileId file, LayoutGeneration generation) =>
        _tails.TryGetValue(file, out var tail) && tail.Generation == generation ? tail : null;

    private void Ask(Moment now, FileId file, long ticket, bool isLast, List<TailEffect> effects)
    {
        if (_tails.ContainsKey(file))
        {
            _requests.Add(new Request(file, ticket, isLast, now)
            {
                Deadline = now + _times.RecallDeadline,
                Limit = now + _times.TailLimit,
            });
        }
        else
        {
            effects.Add(new TailEffect.Answered(file, ticket));
        }
    }

    /// <summary>What was told under a ticket answers all who asked up to it; only the end of the tail answers who wants that.</summary>
    private void Answer(FileId file, long ticket, bool isOver, List<TailEffect> effects)
    {
        foreach (var request in _requests.Where(request => request.File == file && request.Ticket <= ticket && (isOver || !request.IsLast)))
        {
            effects.Add(new TailEffect.Answered(file, request.Ticket));
        }

        _requests.RemoveAll(request => request.File == file && request.Ticket <= ticket && (isOver || !request.IsLast));
    }

    /// <summary>Time in which the holder's report was with the coordinator does not count.</summary>
    private void RunOn(Moment now, FileId file, Moment stoppedAt)
    {
        foreach (var request in _requests.Where(request => request.File == file))
        {
            var stopped = now - (request.Asked > stoppedAt ? request.Asked : stoppedAt);
            request.Deadline += stopped;
            request.Limit += stopped;
        }
    }

    private void NoteContention(Moment now, TailInput.End end)
    {
        if (end.By is not { } by || !_tails.TryGetValue(end.File, out var tail) || (tail.Session == by && end.IsUsedUp))
        {
            return;
        }

        var until = now + (tail.Session == by ? _times.TailPause : _times.HotFor);
        if (_contended.TryGetValue(end.File, out var already) && already > until)
        {
            return;
        }

        if (_contended.Count >= ContendedMax)
        {
            foreach (var over in _contended.Where(entry => now >= entry.Value).Select(entry => entry.Key).ToList())
            {
                _contended.Remove(over);
            }
        }

        if (_contended.Count < ContendedMax || _contended.ContainsKey(end.File))
        {
            _contended[end.File] = until;
        }
    }

    private void AskAgain(Moment now, List<TailEffect> effects)
    {
        foreach (var request in _requests)
        {
            var tail = _tails[request.File];
            if (tail.Telling == 0 && now >= request.Deadline && !request.IsFenced)
            {
                request.IsFenced = true;
                effects.Add(new TailEffect.FenceHolder(tail.Session, $"it did not tell in time what it wrote of {request.File}"));
            }

            if (now >= request.NextNotice)
            {
                request.NextNotice = now + _times.RecallResend;
                effects.Add(new TailEffect.AskHolder(tail.Session, request.File, tail.Generation, request.Ticket, request.IsLast));
                if (IsOverdue(now, request.File, tail.Generation))
                {
                    effects.Add(new TailEffect.CutTail(tail.Session, request.File, tail.Generation));
                }
            }
        }
    }

    private void SetTimer(List<TailEffect> effects)
    {
        Moment? next = null;
        foreach (var request in _requests)
        {
            if (next is null || request.NextNotice < next)
            {
                next = request.NextNotice;
            }
        }

        if (next != _timer)
        {
            _timer = next;
            effects.Add(new TailEffect.SetTimer(next));
        }
    }

    private sealed class Tail(SessionId session, LayoutGeneration generation)
    {
        public SessionId Session { get; } = session;

        public LayoutGeneration Generation { get; } = generation;

        public bool IsVoid { get; set; }

        /// <summary>Reports of it that are being carried out; while there are some, no deadline runs.</summary>
        public int Telling { get; set; }

        public Moment StoppedAt { get; set; }
    }

    private sealed class Request(FileId file, long ticket, bool isLast, Moment asked)
    {
        public FileId File { get; } = file;

        public long Ticket { get; } = ticket;

        public bool IsLast { get; } = isLast;

        public Moment Asked { get; } = asked;

        public Moment NextNotice { get; set; } = asked;

        public Moment Deadline { get; set; }

        public Moment Limit { get; set; }

        public bool IsFenced { get; set; }
    }
}
