namespace Covol.Lab.Guest;

/// <summary>
/// What a guest's console says over its life, with the times at which the lines were read outside: across a migration, its lines
/// come
/// from two consoles one after the other. Not thread safe: one reader feeds it.
/// </summary>
public sealed class GuestTicks
{
    /// <summary>Latencies kept for a time line; older ones are dropped.</summary>
    public const int RecentMax = 100_000;

    private readonly Queue<(DateTimeOffset At, long IoMs)> _recent = new();

    public long FirstSequence { get; private set; }

    public long LastSequence { get; private set; }

    public DateTimeOffset? LastAt { get; private set; }

    /// <summary>The longest time between two ticks, by the clock outside.</summary>
    public TimeSpan PauseMax { get; private set; }

    public DateTimeOffset? PauseMaxAt { get; private set; }

    public long IoErrors { get; private set; }

    /// <summary>How often READY was seen: more than once means the guest started again.</summary>
    public int Starts { get; private set; }

    public string? FatalReason { get; private set; }

    public bool SaidBye { get; private set; }

    /// <summary>The newest ticks: when each was read, and how long its write took in the guest.</summary>
    public IReadOnlyCollection<(DateTimeOffset At, long IoMs)> Recent => _recent;

    /// <summary>Takes a line that was read at <paramref name="at"/>. Lines of the kernel are passed over.</summary>
    public void Take(DateTimeOffset at, string line)
    {
        switch (GuestLine.Parse(line))
        {
            case GuestLine.Ready:
                Starts++;

                // The time to boot is no pause of a running guest.
                LastAt = null;
                break;
            case GuestLine.Tick tick:
                Take(at, tick);
                break;
            case GuestLine.IoError:
                IoErrors++;
                break;
            case GuestLine.Bye:
                SaidBye = true;
                break;
            case GuestLine.Fatal fatal:
                FatalReason = fatal.Reason;
                break;
            case null:
                break;
        }
    }

    private void Take(DateTimeOffset at, GuestLine.Tick tick)
    {
        if (LastAt is { } last && at - last > PauseMax)
        {
            PauseMax = at - last;
            PauseMaxAt = at;
        }

        FirstSequence = FirstSequence == 0 ? tick.Sequence : FirstSequence;
        LastSequence = Math.Max(LastSequence, tick.Sequence);
        LastAt = at;
        _recent.Enqueue((at, tick.IoMs));
        if (_recent.Count > RecentMax)
        {
            _recent.Dequeue();
        }
    }
}
