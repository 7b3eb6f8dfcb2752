namespace Covol.Ntfs;

/// <summary>How a volume is served; the volume's settings.</summary>
public sealed record NtfsOptions
{
    public static NtfsOptions Default { get; } = new();

    /// <summary>User id of files that carry none (made by Windows, or by a program that keeps none).</summary>
    public uint DefaultOwner { get; init; }

    /// <summary>Group id of files that carry none.</summary>
    public uint DefaultGroup { get; init; }

    /// <summary>The low 12 mode bits of files that carry none. 0644.</summary>
    public int DefaultFileMode { get; init; } = 0x1A4;

    /// <summary>The low 12 mode bits of directories that carry none. 0755.</summary>
    public int DefaultDirectoryMode { get; init; } = 0x1ED;

    /// <summary>Refuse what Windows cannot open: reserved device names, the characters <c>"*/:&lt;&gt;?\|</c>, a last dot or
    /// space.</summary>
    public bool WindowsNames { get; init; }

    /// <summary>Clean pages of metadata kept in memory, 4 KiB each.</summary>
    public int CleanPagesMax { get; init; } = 8192;
}
