namespace Covol.Lab;

/// <summary>The lab cannot do what was asked. The message is one sentence that says what to do.</summary>
public sealed class LabException : Exception
{
    public LabException()
        : base("The lab cannot do this.")
    {
    }

    public LabException(string message)
        : base(message)
    {
    }

    public LabException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
