namespace Covol.VirtualMachines.Qmp;

/// <summary>What went wrong between us and QEMU's monitor.</summary>
public enum QmpFailure
{
    /// <summary>QEMU answered with an error: the command had no effect.</summary>
    Refused,

    /// <summary>No answer in time. Says nothing about the virtual machine: a drain of slow I/O keeps the monitor busy, and the
    /// command may still be carried out.</summary>
    TimedOut,

    /// <summary>The connection ended: QEMU quit or died. Ask the process, not the monitor, which.</summary>
    Closed,

    /// <summary>QEMU sent something that is not its protocol.</summary>
    Malformed,
}

/// <summary>A command to QEMU's monitor did not give an answer. <see cref="Failure"/> is what a caller can act on.</summary>
public sealed class QmpException : IOException
{
    public QmpException(QmpFailure failure, string message)
        : base(message) => Failure = failure;

    public QmpException(QmpFailure failure, string message, Exception inner)
        : base(message, inner) => Failure = failure;

    public QmpException()
        : this(QmpFailure.Closed, "The monitor's connection ended.")
    {
    }

    public QmpException(string message)
        : this(QmpFailure.Closed, message)
    {
    }

    public QmpException(string message, Exception inner)
        : this(QmpFailure.Closed, message, inner)
    {
    }

    public QmpFailure Failure { get; }
}
