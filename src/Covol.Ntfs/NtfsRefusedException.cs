namespace Covol.Ntfs;

/// <summary>A LUN's content is not a volume that this coordinator may open. The message says why and what to do; nothing was
/// written.</summary>
public sealed class NtfsRefusedException : IOException
{
    public NtfsRefusedException(string message)
        : base(message)
    {
    }

    public NtfsRefusedException(string message, Exception inner)
        : base(message, inner)
    {
    }

    public NtfsRefusedException()
        : this("The volume was refused.")
    {
    }
}
