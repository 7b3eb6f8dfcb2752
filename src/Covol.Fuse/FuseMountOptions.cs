namespace Covol.Fuse;

/// <summary>How a FUSE file system appears among the mounts.</summary>
/// <param name="Path">Existing folder.</param>
/// <param name="Source">Shown as the mount's source, for instance the volume's name.</param>
/// <param name="Subtype">The type is shown as <c>fuse.</c> and this.</param>
public sealed record FuseMountOptions(string Path, string Source, string Subtype)
{
    /// <summary>Largest READ in bytes; the largest WRITE is negotiated by the server.</summary>
    public int ReadMax { get; init; } = FuseOptions.TransferMax;

    public bool ReadOnly { get; init; }
}
