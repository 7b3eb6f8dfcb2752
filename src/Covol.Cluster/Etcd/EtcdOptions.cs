using Covol.Protocol.Control;

namespace Covol.Cluster.Etcd;

/// <summary>How to reach etcd.</summary>
/// <param name="Endpoints">Client URLs of its members, the nearest first: <c>https://127.0.0.1:2379</c>.</param>
/// <param name="Tls">For <c>https</c>: this node's certificate and the cluster's authority; null for plain <c>http</c>.</param>
public sealed record EtcdOptions(IReadOnlyList<Uri> Endpoints, TlsFiles? Tls)
{
    /// <summary>Time for a connection to one member.</summary>
    public TimeSpan ConnectLimit { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Time for the answer of one member; then the next is asked.</summary>
    public TimeSpan RequestLimit { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A call goes at most this many times around all members before the store counts as unavailable.</summary>
    public int RoundsMax { get; init; } = 2;

    /// <summary>A silent watch asks its member this often whether it is alive and has a quorum.</summary>
    public TimeSpan WatchCheckInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Rest between two attempts to watch.</summary>
    public TimeSpan WatchRetryInterval { get; init; } = TimeSpan.FromMilliseconds(200);
}
