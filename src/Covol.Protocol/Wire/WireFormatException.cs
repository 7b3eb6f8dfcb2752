namespace Covol.Protocol.Wire;

/// <summary>
/// Bytes are not a message of this protocol, or a message is too long for it. On the receiving side the sender loses its
/// connection; on the sending side it is the sender's own fault.
/// </summary>
public sealed class WireFormatException : Exception
{
    public WireFormatException()
        : base("The bytes are not a message of this protocol.")
    {
    }

    public WireFormatException(string message)
        : base(message)
    {
    }

    public WireFormatException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
