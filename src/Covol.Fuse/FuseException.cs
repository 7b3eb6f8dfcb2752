namespace Covol.Fuse;

/// <summary>
/// A mount could not be made, served or ended. <see cref="Errno"/> is what the kernel said, 0 when it said nothing.
/// </summary>
public sealed class FuseException : Exception
{
    public FuseException(string message, int errno)
        : base($"{message} (errno {errno})") => Errno = errno;

    public FuseException(string message)
        : base(message)
    {
    }

    public FuseException()
    {
    }

    public FuseException(string message, Exception inner)
        : base(message, inner)
    {
    }

    public int Errno { get; }
}
