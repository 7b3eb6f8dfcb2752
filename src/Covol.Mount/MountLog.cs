using Covol.Fuse;
using Covol.Protocol.Ids;
using Covol.Protocol.Volume;
using Microsoft.Extensions.Logging;

namespace Covol.Mount;

internal static partial class MountLog
{
    [LoggerMessage(6001, LogLevel.Information, "{Volume}: mounted at {Path}")]
    public static partial void Mounted(ILogger log, string volume, string path);

    [LoggerMessage(6002, LogLevel.Information, "{Volume}: no longer mounted at {Path}")]
    public static partial void Unmounted(ILogger log, string volume, string path);

    [LoggerMessage(6003, LogLevel.Error, "{Volume}: a request {Opcode} failed in a way that was not foreseen")]
    public static partial void RequestFailed(ILogger log, string volume, FuseOpcode opcode, Exception failure);

    [LoggerMessage(6004, LogLevel.Warning, "{Volume}: {Opcode} failed for its program ({Error}): {Detail}")]
    public static partial void RequestRefused(ILogger log, string volume, FuseOpcode opcode, VolumeError error, string detail);

    [LoggerMessage(6005, LogLevel.Warning, "{What}")]
    public static partial void NotProtected(ILogger log, string what);

    [LoggerMessage(6006, LogLevel.Warning, "{Path}: the mount of an earlier process is ended; programs that use it get errors")]
    public static partial void OldMountEnded(ILogger log, string path);

    [LoggerMessage(6007, LogLevel.Warning, "{Volume}: {Path} is still in use and was taken out of sight only")]
    public static partial void StillInUse(ILogger log, string volume, string path);

    [LoggerMessage(6008, LogLevel.Warning, "{Volume}: could not be given up in order: {Reason}")]
    public static partial void CleanUpFailed(ILogger log, string volume, string reason);

    [LoggerMessage(6009, LogLevel.Warning, "The holder at {Socket} does not answer; mounts do not outlive this process. {Reason}")]
    public static partial void NoHolder(ILogger log, string socket, string reason);

    [LoggerMessage(6010, LogLevel.Error, "{Volume}: its file system ended by itself ({End}); it stays down until it is attached again")]
    public static partial void ServerEnded(ILogger log, string volume, string end);

    [LoggerMessage(6011, LogLevel.Information, "{Volume}: {Key} is registered; the session is resumed under it")]
    public static partial void NewIncarnation(ILogger log, string volume, ReservationKey key);

    [LoggerMessage(6012, LogLevel.Warning, "{Volume}: data still goes through the coordinator, and a way back is tried again: {Reason}")]
    public static partial void StaysRedirected(ILogger log, string volume, string reason);

    [LoggerMessage(6013, LogLevel.Warning,
        "{Volume}: a write of this node failed and may still land; its key stays registered, to be fenced when the node comes back or is evicted")]
    public static partial void KeyStays(ILogger log, string volume);
}
