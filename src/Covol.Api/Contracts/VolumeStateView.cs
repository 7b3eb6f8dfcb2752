namespace Covol.Api.Contracts;

/// <summary>How one node reaches one volume: one object a node and volume of <c>covol volume state -o json</c>.</summary>
/// <param name="Volume">The volume.</param>
/// <param name="Node">The node.</param>
/// <param name="Coordinator">Who coordinates it.</param>
/// <param name="Epoch">The epoch this node follows.</param>
/// <param name="State"><c>Direct</c>, <c>FileSystemRedirected</c>, <c>BlockRedirected</c>, <c>Paused</c> or <c>Unavailable</c>.</param>
/// <param name="Reason">Why it is not Direct.</param>
/// <param name="DirectBytes">Read and written on the LUN by the node itself.</param>
/// <param name="RedirectedBytes">Read and written through the coordinator.</param>
/// <param name="DataPath">What the node's mount process has used; null where it does not answer.</param>
public sealed record VolumeStateView(
    string Volume,
    string Node,
    string Coordinator,
    long Epoch,
    string State,
    string Reason,
    long DirectBytes,
    long RedirectedBytes,
    DataPathView? DataPath = null);
