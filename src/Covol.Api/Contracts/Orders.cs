namespace Covol.Api.Contracts;

/// <summary>Adds a volume. <paramref name="Format"/> destroys what is on the LUN.</summary>
public sealed record AddVolume(string Volume, string Lun, bool Format);

/// <summary>Moves a role (a volume's coordinator, a virtual machine) to a node.</summary>
public sealed record MoveTo(string Node);

/// <summary>Starts a virtual machine; null: on the node that is asked.</summary>
public sealed record StartOn(string? Node);

/// <summary>An error as one sentence that says what to do. Comes with any status that is not 2xx.</summary>
public sealed record ErrorView(string Error);
