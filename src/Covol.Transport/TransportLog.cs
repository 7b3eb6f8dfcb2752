using Covol.Protocol.Ids;
using Microsoft.Extensions.Logging;

namespace Covol.Transport;

internal static partial class TransportLog
{
    [LoggerMessage(2001, LogLevel.Debug, "{Node} connected over {Endpoint} with {Program}")]
    public static partial void Connected(ILogger logger, NodeId node, PeerEndpoint endpoint, string program);

    [LoggerMessage(2002, LogLevel.Debug, "The connection of {Node} over {Endpoint} ended: {Reason}")]
    public static partial void Disconnected(ILogger logger, NodeId node, PeerEndpoint endpoint, string reason);

    [LoggerMessage(2003, LogLevel.Warning, "A connection over {Endpoint} was refused: {Reason}")]
    public static partial void Refused(ILogger logger, PeerEndpoint endpoint, string reason);

    [LoggerMessage(2004, LogLevel.Warning, "{Endpoint} cannot accept a connection and tries again: {Reason}")]
    public static partial void AcceptFailed(ILogger logger, PeerEndpoint endpoint, string reason);

    [LoggerMessage(2005, LogLevel.Critical, "Serving {Node} failed in a way that must not happen; the listener ends")]
    public static partial void ServiceFailed(ILogger logger, Exception failure, NodeId node);

    [LoggerMessage(2006, LogLevel.Error, "The answer to {Request} cannot be sent: {Reason}")]
    public static partial void AnswerTooLong(ILogger logger, RequestId request, string reason);

    [LoggerMessage(2007, LogLevel.Error, "The control request {Request} failed")]
    public static partial void ControlFailed(ILogger logger, Exception failure, string request);
}
