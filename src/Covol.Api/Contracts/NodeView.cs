namespace Covol.Api.Contracts;

/// <summary>A member of the cluster, as <c>covol node list</c> shows it.</summary>
/// <param name="Node">Its name, <c>node1</c> to <c>node64</c>.</param>
/// <param name="State"><c>Up</c>, <c>Joining</c>, <c>Unreachable</c> or <c>Down</c>.</param>
/// <param name="Reason">Why it is not Up; empty when it is.</param>
/// <param name="Address">Where its peers reach it.</param>
/// <param name="Version">What runs there; empty when it does not answer.</param>
/// <param name="CoordinatorOf">Volumes it coordinates.</param>
/// <param name="VirtualMachines">Virtual machines that run on it.</param>
public sealed record NodeView(
    string Node,
    string State,
    string Reason,
    string Address,
    string Version,
    IReadOnlyList<string> CoordinatorOf,
    IReadOnlyList<string> VirtualMachines);
