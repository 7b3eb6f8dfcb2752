using Microsoft.Extensions.Logging;

namespace Covol.Lun;

/// <summary>
/// Names a LUN the same way on all nodes. Now: <c>file:/absolute/path</c>, a file that all nodes of one machine share.
/// </summary>
public sealed record LunUri
{
    public const int LengthMax = 1024;

    private const string FileScheme = "file:";

    private LunUri(string path) => Path = path;

    /// <summary>The file that is the LUN, as an absolute path.</summary>
    public string Path { get; }

    /// <summary>
    /// Throws <see cref="LunException"/> (<see cref="LunError.NotFound"/>) with one sentence that says what is wrong.
    /// </summary>
    public static LunUri Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > LengthMax)
        {
            throw Refused($"A LUN URI has at most {LengthMax} characters.");
        }

        if (text.StartsWith("block:", StringComparison.Ordinal) || text.StartsWith("iscsi:", StringComparison.Ordinal))
        {
            throw Refused($"'{text}' names a LUN of a kind that this version cannot open yet; use file:/absolute/path.");
        }

        if (!text.StartsWith(FileScheme, StringComparison.Ordinal))
        {
            throw Refused($"'{text}' is not a LUN URI; use file:/absolute/path.");
        }

        // file:///path is how RFC 8089 writes what we write as file:/path.
        var path = text[FileScheme.Length..];
        path = path.StartsWith("///", StringComparison.Ordinal) ? path[2..] : path;
        if (!path.StartsWith('/') || path.StartsWith("//", StringComparison.Ordinal) || path.EndsWith('/') || path.Contains('\0'))
        {
            throw Refused($"'{text}' does not name a file by its absolute path; use file:/absolute/path.");
        }

        return new LunUri(path);
    }

    /// <summary>Opens the LUN. The caller owns it. Errors as <see cref="FileLun.Open"/>.</summary>
    public ILun Open(ILogger logger) => FileLun.Open(Path, logger);

    public override string ToString() => FileScheme + Path;

    private static LunException Refused(string sentence) => new(LunError.NotFound, sentence);
}
