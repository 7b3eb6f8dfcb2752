using Microsoft.Extensions.Logging;

namespace Covol.Node;

/// <summary>What the control plane tells operators. Event ids 7000 to 7099.</summary>
internal static partial class NodeLog
{
    [LoggerMessage(7000, LogLevel.Information, "node{Node} of cluster {Cluster} starts")]
    public static partial void Starts(ILogger log, int node, string cluster);

    [LoggerMessage(7001, LogLevel.Information, "node{Node} is up")]
    public static partial void Up(ILogger log, int node);

    [LoggerMessage(7002, LogLevel.Information, "node{Node} stops in order")]
    public static partial void Stops(ILogger log, int node);

    [LoggerMessage(7003, LogLevel.Error, "The cluster store's record {Key} cannot be read and is left out: {Failure}")]
    public static partial void BadRecord(ILogger log, string key, string failure);

    [LoggerMessage(7004, LogLevel.Information, "Started {Role} as process {Process}")]
    public static partial void RoleStarted(ILogger log, string role, int process);

    [LoggerMessage(7005, LogLevel.Information, "Found {Role} running as process {Process}")]
    public static partial void RoleFound(ILogger log, string role, int process);

    [LoggerMessage(7006, LogLevel.Warning, "{Role} (process {Process}) ended; its log is {Log}")]
    public static partial void RoleEnded(ILogger logger, string role, int process, string log);

    [LoggerMessage(7007, LogLevel.Warning, "{What} failed and is tried again: {Failure}")]
    public static partial void TriedAgain(ILogger log, string what, string failure);

    [LoggerMessage(7008, LogLevel.Information, "{Volume} is attached here under {Epoch}, coordinated at {Coordinator}")]
    public static partial void Attached(ILogger log, string volume, string epoch, string coordinator);

    [LoggerMessage(7009, LogLevel.Information, "{Volume} is detached here")]
    public static partial void Detached(ILogger log, string volume);

    [LoggerMessage(7010, LogLevel.Critical, "The control plane ends because of a failure it cannot handle; I/O of this node goes on without it")]
    public static partial void Fatal(ILogger log, Exception failure);

    [LoggerMessage(7011, LogLevel.Information, "Virtual machine {Name} is {State} here: {Reason}")]
    public static partial void Machine(ILogger log, string name, string state, string reason);

    [LoggerMessage(
        7013,
        LogLevel.Error,
        "This node was evicted by {By} (eviction {Number}): {Reason}. Everything that ran here ends; then it comes back")]
    public static partial void Evicted(ILogger log, string by, long number, string reason);

    [LoggerMessage(7014, LogLevel.Information, "Eviction {Number} is obeyed: nothing of the life before it runs here any more")]
    public static partial void EvictionObeyed(ILogger log, long number);

    [LoggerMessage(
        7015,
        LogLevel.Information,
        "node{Node}'s control plane ends; the peers know that it restarts, everything else of the node goes on")]
    public static partial void Restarts(ILogger log, int node);

    [LoggerMessage(
        7016,
        LogLevel.Information,
        "The coordinator of {Volume} has fenced node{Node} up to incarnation {Incarnation} and ended its sessions")]
    public static partial void EvictionTold(ILogger log, string volume, int node, long incarnation);

    [LoggerMessage(7012, LogLevel.Error, "Neither peers nor the cluster store answer: the others take this node for evicted")]
    public static partial void Isolated(ILogger log);
}
