namespace Covol.Lab.Guest;

/// <summary>The test guest cannot be built here. The message is a sentence that says what to do.</summary>
public sealed class GuestImageException : Exception
{
    public GuestImageException(string message)
        : base(message)
    {
    }

    public GuestImageException(string message, Exception inner)
        : base(message, inner)
    {
    }

    public GuestImageException()
        : base("The test guest cannot be built here.")
    {
    }
}
