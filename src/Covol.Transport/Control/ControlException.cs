namespace Covol.Transport.Control;

/// <summary>A role could not be asked or refused; the message is a sentence for the administrator.</summary>
public sealed class ControlException : Exception
{
    public ControlException()
        : base("The control request failed.")
    {
    }

    public ControlException(string message)
        : base(message)
    {
    }

    public ControlException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
