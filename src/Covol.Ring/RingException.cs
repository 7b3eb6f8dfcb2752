namespace Covol.Ring;

/// <summary>The kernel refused a ring or its memory. <see cref="Errno"/> is what it said.</summary>
public sealed class RingException : Exception
{
    public RingException(string message, int errno)
        : base($"{message} (errno {errno})") => Errno = errno;

    public RingException(string message)
        : base(message)
    {
    }

    public RingException()
    {
    }

    public RingException(string message, Exception inner)
        : base(message, inner)
    {
    }

    public int Errno { get; }
}
