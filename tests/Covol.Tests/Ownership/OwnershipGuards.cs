namespace Covol.Tests.Ownership;

/// <summary>What keeps the volume safe in the world. Each can be switched off, and the checker must then find it.</summary>
public sealed record OwnershipGuards
{
    /// <summary>A coordinator preempts the keys of lower epochs before it replays.</summary>
    public bool PreemptsBeforeReplay { get; init; } = true;

    /// <summary>A preempt returns after the victim's I/O in flight has ended.</summary>
    public bool PreemptDrains { get; init; } = true;

    /// <summary>The key that a claim names is the one that the process writes under.</summary>
    public bool ClaimNamesKey { get; init; } = true;

    /// <summary>The key is on the LUN before the claim that names it.</summary>
    public bool RegistersBeforeClaim { get; init; } = true;

    /// <summary>What could not be told to a coordinator counts as not told.</summary>
    public bool AdmitsUntoldEvictions { get; init; } = true;
}
