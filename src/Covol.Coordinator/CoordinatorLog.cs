using Covol.Protocol.Control;
using Covol.Protocol.Ids;
using Microsoft.Extensions.Logging;

namespace Covol.Coordinator;

/// <summary>What the coordinator tells an operator.</summary>
internal static partial class CoordinatorLog
{
    [LoggerMessage(4001, LogLevel.Information, "{Volume}: {Phase} under {Epoch}. {Reason}")]
    public static partial void PhaseChanged(ILogger log, string volume, CoordinatorPhase phase, Epoch epoch, string reason);

    [LoggerMessage(4002, LogLevel.Critical, "{Volume}: the coordinator stops answering and ends: {Reason}")]
    public static partial void Failed(ILogger log, Exception? failure, string volume, string reason);

    [LoggerMessage(4003, LogLevel.Information, "{Volume}: {Session} of {Node} began with {Key}")]
    public static partial void SessionBegan(ILogger log, string volume, SessionId session, NodeId node, ReservationKey key);

    [LoggerMessage(4004, LogLevel.Information, "{Volume}: {Session} of {Node} ended: {Reason}")]
    public static partial void SessionEnded(ILogger log, string volume, SessionId session, NodeId node, string reason);

    [LoggerMessage(4005, LogLevel.Warning, "{Volume}: {Key} of {Session} is being fenced, because {Reason}")]
    public static partial void Fencing(ILogger log, string volume, ReservationKey key, SessionId session, string reason);

    [LoggerMessage(4006, LogLevel.Warning, "{Volume}: {Key} of {Session} could not be fenced yet: {Reason}")]
    public static partial void FenceFailed(ILogger log, string volume, ReservationKey key, SessionId session, string reason);

    [LoggerMessage(4007, LogLevel.Information, "{Volume}: {Key} of {Session} is fenced: it writes no more")]
    public static partial void Fenced(ILogger log, string volume, ReservationKey key, SessionId session);

    [LoggerMessage(4008, LogLevel.Warning, "{Volume}: {Session} broke the protocol: {Reason}")]
    public static partial void ProtocolBroken(ILogger log, string volume, SessionId session, string reason);

    [LoggerMessage(4009, LogLevel.Warning, "{Volume}: {File}, which has no name any more, could not be freed yet: {Reason}")]
    public static partial void PurgeRefused(ILogger log, string volume, FileId file, string reason);

    [LoggerMessage(4011, LogLevel.Warning,
        "{Volume}: a redirected write of {File} takes long; until it ended the file is written through the coordinator only, in order")]
    public static partial void InDoubt(ILogger log, string volume, FileId file);

    [LoggerMessage(4012, LogLevel.Information, "{Volume}: the slow writes of {File} ended")]
    public static partial void OutOfDoubt(ILogger log, string volume, FileId file);

    [LoggerMessage(4013, LogLevel.Error,
        "{Volume}: a flush of the LUN failed; what {Files} files were written since the last good one may be lost: {Reason}")]
    public static partial void WritesLost(ILogger log, string volume, int files, string reason);

    [LoggerMessage(4014, LogLevel.Warning,
        "{Volume}: {Session} did not tell in time what it wrote at the end of {File}; what it has not told is lost, its programs are told so")]
    public static partial void TailCut(ILogger log, string volume, SessionId session, FileId file);

    [LoggerMessage(4010, LogLevel.Information, "{Volume}: handed over in order; {Epoch} is over")]
    public static partial void HandedOver(ILogger log, string volume, Epoch epoch);
}
