using Microsoft.Extensions.Logging;

namespace Covol.Cluster.Etcd;

internal static partial class EtcdLog
{
    [LoggerMessage(2001, LogLevel.Debug, "The watch on '{Prefix}' was interrupted and goes on with the next member: {Reason}")]
    public static partial void WatchInterrupted(ILogger log, string prefix, string reason);

    [LoggerMessage(2002, LogLevel.Information, "etcd compacted its history after revision {Revision} of '{Prefix}'; it is read anew")]
    public static partial void WatchCompacted(ILogger log, string prefix, long revision);

    [LoggerMessage(2003, LogLevel.Information, "etcd {Name} started as process {ProcessId}, data in {DataFolder}")]
    public static partial void Started(ILogger log, string name, int processId, string dataFolder);

    [LoggerMessage(2004, LogLevel.Information, "etcd {Name} ended with status {Status}")]
    public static partial void Ended(ILogger log, string name, int status);
}
