namespace Covol.Api.Contracts;

/// <summary>Adds a volume.</summary>
/// <param name="Volume">Its name.</param>
/// <param name="Lun">The LUN's URI.</param>
/// <param name="Format">Make a new NTFS volume; refused on a LUN that holds something.</param>
/// <param name="Force">With <paramref name="Format"/>: also on a LUN that holds something, which is lost.</param>
/// <param name="NoFencing">The LUN has no reservations, and its administrator says that it may be used all the same.</param>
/// <param name="Gpt">With <paramref name="Format"/>: the volume lies in the one partition of a new partition table.</param>
public sealed record AddVolume(string Volume, string Lun, bool Format = false, bool Force = false, bool NoFencing = false, bool Gpt = false);

/// <summary>Moves a role (a volume's coordinator, a virtual machine) to a node.</summary>
public sealed record MoveTo(string Node);

/// <summary>Starts a virtual machine; null: on the node that is asked.</summary>
public sealed record StartOn(string? Node);

/// <summary>An error as one sentence that says what to do. Comes with any status that is not 2xx.</summary>
public sealed record ErrorView(string Error);
