namespace Covol.Protocol.Layouts;

/// <summary>How long things take in a <see cref="LayoutMachine"/>.</summary>
public sealed record LayoutTimes
{
    /// <summary>How long a layout may be read under after a renewal; the client counts from when it sent that.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A session that has not answered a recall by then is key-fenced.</summary>
    public TimeSpan RecallDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A recall is said again after this, because notices may be lost with their connection.</summary>
    public TimeSpan RecallResend { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>A fence that failed (a path of the coordinator is lost) is tried again after this.</summary>
    public TimeSpan FenceRetry { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Within this time <see cref="HotConflicts"/> recalls of write layouts make a file redirected ...</summary>
    public TimeSpan HotWindow { get; init; } = TimeSpan.FromSeconds(10);

    public int HotConflicts { get; init; } = 3;

    /// <summary>... for this long after the last one.</summary>
    public TimeSpan HotFor { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>For tests that show what a guard is for: without it clusters change owners while a fenced node may still read them.</summary>
    internal bool WaitsForLeases { get; init; } = true;

    /// <summary>
    /// Nobody waits longer for a tail's holder than this, and then for its fence: what it has not told by then is void. Longer than
    /// <see cref="RecallDeadline"/>, after which it is fenced: a path that hung fails then, and the holder tells.
    /// </summary>
    public TimeSpan TailLimit { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A file whose tail its own holder made the coordinator end before it was used up gets none for so long.</summary>
    public TimeSpan TailPause { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>When to ask again for a layout that cannot be given at this moment.</summary>
    public TimeSpan AskAgain { get; init; } = TimeSpan.FromMilliseconds(500);
}
