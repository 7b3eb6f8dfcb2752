using Covol.Protocol.Membership;
using Microsoft.Extensions.Logging;

namespace Covol.Cluster.Membership;

internal static partial class MembershipLog
{
    [LoggerMessage(2201, LogLevel.Information, "node{Node} is {Health}: {Reason}")]
    public static partial void Reported(ILogger log, int node, PeerHealth health, string reason);

    [LoggerMessage(2202, LogLevel.Warning, "Neither a peer nor the cluster store is heard; in {Seconds:0.0} s this node takes itself for evicted")]
    public static partial void IsolationBegan(ILogger log, double seconds);

    [LoggerMessage(2203, LogLevel.Information, "A peer or the cluster store is heard again")]
    public static partial void IsolationEnded(ILogger log);

    [LoggerMessage(2204, LogLevel.Error, "This node was cut off for too long and takes itself for evicted")]
    public static partial void IsolationExpired(ILogger log);

    [LoggerMessage(2205, LogLevel.Debug, "This node's lease was not renewed: {Reason}")]
    public static partial void LeaseNotRenewed(ILogger log, string reason);

    [LoggerMessage(2206, LogLevel.Warning, "Membership cannot keep up and lost an input ({Input})")]
    public static partial void InputLost(ILogger log, string input);

    [LoggerMessage(2207, LogLevel.Debug, "The connection with node{Node} ended: {Reason}")]
    public static partial void ConnectionEnded(ILogger log, int node, string reason);

    [LoggerMessage(2209, LogLevel.Warning, "node{Node} is evicted up to its incarnation {Incarnation} (eviction {Number}): {Reason}")]
    public static partial void Evicted(ILogger log, int node, long incarnation, long number, string reason);

    [LoggerMessage(2210, LogLevel.Warning, "The eviction of node{Node} could not be put on record and is tried again: {Reason}")]
    public static partial void EvictionNotRecorded(ILogger log, int node, string reason);

    [LoggerMessage(2208, LogLevel.Warning, "A connection was refused: {Reason}")]
    public static partial void ConnectionRefused(ILogger log, string reason);
}
