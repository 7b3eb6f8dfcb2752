using Covol.Protocol.Units;

namespace Covol.Protocol.Files;

/// <summary>What <c>chmod</c>, <c>chown</c> and <c>utimens</c> change; null leaves a value as it is. Size has its own requests.</summary>
public sealed record AttributeChange
{
    public int? Mode { get; init; }

    public uint? Owner { get; init; }

    public uint? Group { get; init; }

    public FileTime? Accessed { get; init; }

    public FileTime? Modified { get; init; }

    /// <summary>Null: the coordinator puts its own clock's time.</summary>
    public FileTime? Changed { get; init; }
}
