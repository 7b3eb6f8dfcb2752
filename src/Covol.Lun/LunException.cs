namespace Covol.Lun;

/// <summary>A LUN request failed. <see cref="Error"/> is what a caller can act on.</summary>
public sealed class LunException : IOException
{
    public LunException(LunError error, string message)
        : base(message) => Error = error;

    public LunException(LunError error, string message, Exception inner)
        : base(message, inner) => Error = error;

    public LunException()
        : this(LunError.MediaFailed, "A LUN request failed.")
    {
    }

    public LunException(string message)
        : this(LunError.MediaFailed, message)
    {
    }

    public LunException(string message, Exception inner)
        : this(LunError.MediaFailed, message, inner)
    {
    }

    public LunError Error { get; }
}
