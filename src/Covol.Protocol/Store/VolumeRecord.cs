namespace Covol.Protocol.Store;

/// <summary>What an administrator said about a volume. Who serves it is in <see cref="OwnershipRecord"/>.</summary>
/// <param name="Name">Its name, the folder below <c>/ClusterStorage</c>.</param>
/// <param name="Number">From 1 to 4095, handed out once and never again; part of its coordinators' keys.</param>
/// <param name="LunUri">Where its LUN is.</param>
/// <param name="DefaultOwner">Owner of files that carry none.</param>
/// <param name="DefaultGroup">Group of files that carry none.</param>
/// <param name="NoFencing">Its LUN has no reservations, and the administrator said that it may be used all the same.</param>
public sealed record VolumeRecord(
    string Name, int Number, string LunUri, uint DefaultOwner = 0, uint DefaultGroup = 0, bool NoFencing = false);
