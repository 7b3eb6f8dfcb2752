namespace Covol.Ntfs;

/// <summary>An online check could not be finished. The message says why and what to do; nothing was written.</summary>
public sealed class CheckAbandonedException : IOException
{
    public CheckAbandonedException(string message)
        : base(message)
    {
    }

    public CheckAbandonedException(string message, Exception inner)
        : base(message, inner)
    {
    }

    public CheckAbandonedException()
        : this("The check was given up.")
    {
    }
}
