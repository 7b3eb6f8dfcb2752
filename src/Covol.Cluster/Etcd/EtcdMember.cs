using Covol.Protocol.Control;

namespace Covol.Cluster.Etcd;

/// <summary>One etcd member that a node runs.</summary>
/// <param name="Name">Its name, also in <paramref name="InitialCluster"/>.</param>
/// <param name="DataFolder">Its data, on a real disk. What is there already wins over <paramref name="InitialCluster"/>.</param>
/// <param name="ClientUrl">Where it serves clients, e.g. <c>https://127.0.0.1:2379</c>.</param>
/// <param name="PeerUrl">Where it talks to the other members.</param>
/// <param name="InitialCluster">Peer URLs by name of all members that the cluster is made of, itself included.</param>
/// <param name="ClusterToken">Keeps members of two clusters apart.</param>
/// <param name="LogFile">Its log; appended to.</param>
public sealed record EtcdMember(
    string Name,
    string DataFolder,
    Uri ClientUrl,
    Uri PeerUrl,
    IReadOnlyDictionary<string, Uri> InitialCluster,
    string ClusterToken,
    string LogFile)
{
    public string Program { get; init; } = "/usr/bin/etcd";

    /// <summary>
    /// For <c>https</c>: this node's certificate, shown to clients and peers, and the authority that theirs must be signed by. It must name
    /// the addresses of <see cref="ClientUrl"/> and <see cref="PeerUrl"/> (etcd checks a peer's against where it comes from) and be good for
    /// servers and clients. Null: no TLS, and nobody is asked who they are.
    /// </summary>
    public TlsFiles? Tls { get; init; }

    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Also decides the shortest lease: etcd makes it at least one and a half of this, in whole seconds.</summary>
    public TimeSpan Election { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>History older than this many revisions is compacted away.</summary>
    public int HistoryRevisions { get; init; } = 10_000;

    /// <summary>Beside the data, so that the next control plane finds the process that the last one left.</summary>
    public string ProcessIdFile => $"{DataFolder.TrimEnd('/')}.pid";
}
