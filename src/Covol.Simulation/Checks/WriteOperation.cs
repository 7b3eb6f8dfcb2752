namespace Covol.Simulation.Checks;

/// <summary>
/// One write that a program asked for, or a cut or growth (which writes zeroes): from when it was asked until it was answered, given up, or
/// could not happen any more because its session had ended.
/// </summary>
internal sealed class WriteOperation(long id, string program, bool isZero, long invoked)
{
    private bool _isTakenAlong;

    public long Id => id;

    public string Program => program;

    public bool IsZero => isZero;

    public long Invoked => invoked;

    /// <summary>Nothing of it may happen after this.</summary>
    public long Ended { get; private set; } = long.MaxValue;

    /// <summary>It was answered as done: from then on everybody sees it.</summary>
    public bool Succeeded { get; private set; }

    /// <summary>A fsync that was answered covers it: no crash loses it.</summary>
    public bool IsStable { get; set; }

    /// <summary>It was answered when only its node knew of it: until that told, or a fsync was answered, its node may take it along.</summary>
    public bool IsInTail { get; set; }

    /// <summary>Where it lies, in granules; negative for an append whose place is not known yet.</summary>
    public int First { get; set; } = -1;

    public int Count { get; init; }

    public void End(long now, bool succeeded)
    {
        Succeeded = succeeded && !(_isTakenAlong && IsInTail && !IsStable);
        Ended = Math.Min(Ended, now);
    }

    /// <summary>What its node had not told is lost with its session. It may or may not be seen from now on.</summary>
    public void TakenAlong(long now)
    {
        _isTakenAlong = true;
        if (Succeeded && IsInTail && !IsStable)
        {
            End(now, succeeded: false);
        }
    }

    /// <summary>The power was cut: it is certain only if a fsync covered it. It may or may not be seen from now on.</summary>
    public void PowerCut(long now)
    {
        Succeeded &= IsStable;
        GiveUp(now);
    }

    /// <summary>Its session ended: if it was not done by now it never will be.</summary>
    public void GiveUp(long now) => Ended = Math.Min(Ended, now);

    public override string ToString() => $"{(isZero ? "zeroes" : "write")} {id} of {program}";
}
