namespace Covol.Api.Contracts;

/// <summary>A cluster shared volume, as <c>covol volume list</c> shows it.</summary>
/// <param name="Volume">Its name.</param>
/// <param name="Lun">The LUN's URI.</param>
/// <param name="Coordinator">The node that coordinates it; empty while nobody does.</param>
/// <param name="Epoch">The coordinator's epoch.</param>
/// <param name="State"><c>Online</c>, <c>Pending</c> (a coordinator is about to serve) or <c>Failed</c>.</param>
/// <param name="Reason">Why it is not Online, or what is to be known of it.</param>
/// <param name="Fencing">False: nothing on the LUN keeps a node that was given up from writing on.</param>
public sealed record VolumeView(
    string Volume, string Lun, string Coordinator, long Epoch, string State, string Reason, bool Fencing = true);
