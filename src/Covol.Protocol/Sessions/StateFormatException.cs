namespace Covol.Protocol.Sessions;

/// <summary>State that came back from the journal is not what was written: the coordinator does not serve with it.</summary>
public sealed class StateFormatException : Exception
{
    public StateFormatException()
        : base("The coordinator's state in the journal cannot be read.")
    {
    }

    public StateFormatException(string message)
        : base(message)
    {
    }

    public StateFormatException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
