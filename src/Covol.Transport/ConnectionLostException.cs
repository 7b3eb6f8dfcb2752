namespace Covol.Transport;

/// <summary>A connection broke while an answer was due. Whether the call was carried out is not known.</summary>
public sealed class ConnectionLostException : IOException
{
    public ConnectionLostException()
        : base("The connection to the coordinator broke.")
    {
    }

    public ConnectionLostException(string message)
        : base(message)
    {
    }

    public ConnectionLostException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
