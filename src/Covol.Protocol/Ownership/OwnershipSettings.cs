namespace Covol.Protocol.Ownership;

/// <summary>Times and limits of the ownership machine.</summary>
public sealed record OwnershipSettings
{
    /// <summary>Pause before a store operation, or an order to a process, that got no answer is tried again.</summary>
    public TimeSpan StoreRetry { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>A standby that has not registered its key by then is ended.</summary>
    public TimeSpan RegisterLimit { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>A coordinator that reports no progress for so long between claim and answers is ended and started again.</summary>
    public TimeSpan ActivateLimit { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>A coordinator that has not handed over by then is ended; its successor fences and replays.</summary>
    public TimeSpan HandOverLimit { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// So long after the end of grace a coordinator serves before a planned move takes the volume from it. In grace and hand-over all
    /// requests that change names wait: without this, moves one right after the other would starve them.
    /// </summary>
    public TimeSpan TenureMin { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Between two candidates for the same volume, so that as a rule only one starts.</summary>
    public TimeSpan CandidateStep { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>A node that was named to claim next gets this head start.</summary>
    public TimeSpan NamedHeadStart { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>First pause after a failed start; doubles with each further one. The first failure after a good time costs none.</summary>
    public TimeSpan RestMin { get; init; } = TimeSpan.FromMilliseconds(250);

    public TimeSpan RestMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>So many failures in a row, and another node shall try.</summary>
    public int FailuresHereMax { get; init; } = 3;

    /// <summary>After giving up a volume for that reason this node does not claim it for so long.</summary>
    public TimeSpan AvoidAfterFailures { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Having answered for so long, a coordinator's earlier failures are forgotten.</summary>
    public TimeSpan GoodTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Keys a record may hold that are not known to be fenced: so many claims in a row without one success.</summary>
    public int KeysToFenceMax { get; init; } = 1000;
}
