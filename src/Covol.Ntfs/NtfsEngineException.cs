namespace Covol.Ntfs;

/// <summary>
/// The volume, the LUN or libntfs-3g failed in a way that no request can be blamed for. What was not committed is lost and the
/// process ends:
/// recovery begins from the journal.
/// </summary>
public sealed class NtfsEngineException : IOException
{
    public NtfsEngineException(string message)
        : base(message)
    {
    }

    public NtfsEngineException(string message, Exception inner)
        : base(message, inner)
    {
    }

    public NtfsEngineException()
        : this("The NTFS engine failed.")
    {
    }
}
