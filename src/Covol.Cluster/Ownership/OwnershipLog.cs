using Covol.Protocol.Ownership;
using Microsoft.Extensions.Logging;

namespace Covol.Cluster.Ownership;

internal static partial class OwnershipLog
{
    [LoggerMessage(2101, LogLevel.Information, "{Stage}: {Sentence}")]
    public static partial void Reported(ILogger log, OwnershipStage stage, string sentence);

    [LoggerMessage(2102, LogLevel.Warning, "The cluster store could not be asked about the ownership of {Volume}: {Reason}")]
    public static partial void StoreFailed(ILogger log, string volume, string reason);

    [LoggerMessage(2103, LogLevel.Warning, "This node's mount process could not be told about {Volume}: {Reason}")]
    public static partial void MountFailed(ILogger log, string volume, string reason);

    [LoggerMessage(2104, LogLevel.Warning, "The coordinator process of {Volume} could not be told what to do: {Reason}")]
    public static partial void ProcessFailed(ILogger log, string volume, string reason);
}
