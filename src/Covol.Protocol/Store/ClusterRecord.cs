namespace Covol.Protocol.Store;

/// <summary>The cluster itself, made once by its first node and never changed.</summary>
/// <param name="Name">What people call it.</param>
/// <param name="Id">Never the same for two clusters, also when one is made again under the same name.</param>
/// <param name="Tag">
/// First 16 bits of every reservation key of this cluster, drawn when it was made and never 0: a cluster that is made again
/// over an old LUN must not use the keys of its former life (see <see cref="Ownership.KeyLayout"/>).
/// </param>
public sealed record ClusterRecord(string Name, Guid Id, int Tag);
