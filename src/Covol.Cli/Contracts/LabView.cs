namespace Covol.Cli.Contracts;

/// <summary>A lab, as <c>covol lab up</c> and <c>covol lab status</c> show it.</summary>
/// <param name="Directory">Its folder.</param>
/// <param name="Volume">The volume that <c>lab up</c> made.</param>
/// <param name="Lun">The LUN's backing file.</param>
/// <param name="Nodes">Its nodes.</param>
internal sealed record LabView(string Directory, string Volume, string Lun, IReadOnlyList<LabNodeView> Nodes);

/// <summary>A node of a lab.</summary>
/// <param name="Node">Its name.</param>
/// <param name="State">As in <c>covol node list</c>.</param>
/// <param name="Reason">Why it is not Up.</param>
/// <param name="Namespace">Its <c>/ClusterStorage</c>.</param>
internal sealed record LabNodeView(string Node, string State, string Reason, string Namespace);
