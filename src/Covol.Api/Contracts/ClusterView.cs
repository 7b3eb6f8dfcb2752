namespace Covol.Api.Contracts;

/// <summary>The whole cluster on one page.</summary>
/// <param name="Name">The cluster's name.</param>
/// <param name="State"><c>Healthy</c>, <c>Degraded</c> (it runs, something is missing) or <c>NoQuorum</c> (nothing can change owner).</param>
/// <param name="Reasons">What is not as it should be, a sentence each.</param>
/// <param name="Nodes">Members.</param>
/// <param name="Volumes">Volumes.</param>
public sealed record ClusterView(
    string Name,
    string State,
    IReadOnlyList<string> Reasons,
    IReadOnlyList<NodeView> Nodes,
    IReadOnlyList<VolumeView> Volumes);
