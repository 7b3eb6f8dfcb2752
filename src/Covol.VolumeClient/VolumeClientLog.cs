using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Microsoft.Extensions.Logging;

namespace Covol.VolumeClient;

internal static partial class VolumeClientLog
{
    [LoggerMessage(5001, LogLevel.Information, "{Volume}: linked to the coordinator at {Endpoint}, epoch {Epoch}")]
    public static partial void Linked(ILogger log, string volume, string endpoint, long epoch);

    [LoggerMessage(5002, LogLevel.Warning, "{Volume}: the link to the coordinator ended; requests wait for the next one. {Reason}")]
    public static partial void LinkEnded(ILogger log, string volume, string reason);

    [LoggerMessage(5003, LogLevel.Debug, "{Volume}: no coordinator at {Endpoint}: {Reason}")]
    public static partial void ConnectFailed(ILogger log, string volume, string endpoint, string reason);

    [LoggerMessage(5004, LogLevel.Debug, "{Volume}: the coordinator does not take the session ({Error}): {Detail}")]
    public static partial void SessionRefused(ILogger log, string volume, VolumeError error, string detail);

    [LoggerMessage(5005, LogLevel.Error, "{Volume}: the session ended; files that were open here fail from now on. {Reason}")]
    public static partial void SessionEnded(ILogger log, string volume, string reason);

    [LoggerMessage(5006, LogLevel.Error, "{Volume}: handle {Handle} could not be reclaimed and fails from now on. {Detail}")]
    public static partial void ReclaimRefused(ILogger log, string volume, long handle, string detail);

    [LoggerMessage(5007, LogLevel.Warning, "{Volume}: data goes through the coordinator from now on. {Reason}")]
    public static partial void WentRedirected(ILogger log, string volume, string reason);

    [LoggerMessage(5008, LogLevel.Warning, "{Volume}: the lease ran out; {Layouts} layouts are given back and asked for again")]
    public static partial void LeaseLapsed(ILogger log, string volume, int layouts);

    [LoggerMessage(5009, LogLevel.Debug, "{Volume}: {File} has no layout: {Reason}")]
    public static partial void NoLayout(ILogger log, string volume, string file, string reason);

    [LoggerMessage(5010, LogLevel.Warning, "{Volume}: {What} of {File} was not answered: {Reason}")]
    public static partial void NotAnswered(ILogger log, string volume, string what, string file, string reason);

    [LoggerMessage(5011, LogLevel.Warning, "{Volume}: direct I/O of before has not ended on the LUN; the coordinator is told nothing until it has")]
    public static partial void WaitsForOldIo(ILogger log, string volume);

    [LoggerMessage(5012, LogLevel.Information, "{Volume}: data goes directly again, under {Key}")]
    public static partial void WentDirect(ILogger log, string volume, string key);

    [LoggerMessage(5022, LogLevel.Error, "{Volume}: what was written at the end of {File} since it was last synchronized is lost: {Reason}")]
    public static partial void TailLost(ILogger log, string volume, string file, string reason);

    [LoggerMessage(5023, LogLevel.Warning, "{Volume}: a write of this node may still land, so writes wait until {Key} is fenced: {Reason}")]
    public static partial void NotFenced(ILogger log, string volume, ReservationKey key, string reason);

    [LoggerMessage(5021, LogLevel.Warning, "{Volume}: whether a request that was given up was carried out is not known yet: {Reason}")]
    public static partial void NotSettled(ILogger log, string volume, string reason);
}
