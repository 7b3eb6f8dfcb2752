namespace Covol.Protocol.Volume;

/// <summary>A volume operation was refused; nothing of it was carried out. <see cref="Error"/> is what a caller can act on.</summary>
public sealed class VolumeException : Exception
{
    public VolumeException(VolumeError error, string message)
        : base(message) => Error = error;

    public VolumeException(VolumeError error, string message, Exception inner)
        : base(message, inner) => Error = error;

    public VolumeException()
        : this(VolumeError.IoFailed, "The volume operation failed.")
    {
    }

    public VolumeException(string message)
        : this(VolumeError.IoFailed, message)
    {
    }

    public VolumeException(string message, Exception inner)
        : this(VolumeError.IoFailed, message, inner)
    {
    }

    public VolumeError Error { get; }
}
