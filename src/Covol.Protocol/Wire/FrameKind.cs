namespace Covol.Protocol.Wire;

/// <summary>What a frame is. The values are part of the wire format.</summary>
public enum FrameKind : byte
{
    /// <summary>First frame in each direction.</summary>
    Hello = 1,

    /// <summary>Last frame: the sender ends the connection and says why.</summary>
    Goodbye = 2,
    Request = 3,

    /// <summary>Answers the request with the same tag.</summary>
    Answer = 4,
    Notice = 5,

    /// <summary>Is answered by <see cref="Pong"/> at once: a connection over which nothing comes is dead.</summary>
    Ping = 6,
    Pong = 7,
}
