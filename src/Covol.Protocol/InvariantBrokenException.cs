namespace Covol.Protocol;

/// <summary>Something that must never happen did. Nobody may catch this to go on: the process ends.</summary>
public sealed class InvariantBrokenException : Exception
{
    public InvariantBrokenException(string whatBroke)
        : base(whatBroke)
    {
    }

    public InvariantBrokenException()
        : base("An invariant is broken.")
    {
    }

    public InvariantBrokenException(string whatBroke, Exception inner)
        : base(whatBroke, inner)
    {
    }
}
