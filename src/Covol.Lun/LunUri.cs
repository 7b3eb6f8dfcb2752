using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Covol.Lun;

/// <summary>
/// Names a LUN the same way on all nodes: <c>file:/absolute/path</c>, a file that all nodes of one machine share, or
/// <c>block:/dev/path</c>, a block device. With <c>#partition=BYTE</c> it is the partition of the LUN's GPT that begins there.
/// </summary>
public sealed record LunUri
{
    public const int LengthMax = 1024;

    private const string FileScheme = "file:";
    private const string BlockScheme = "block:";
    private const string PartitionMark = "#partition=";

    private LunUri(string scheme, string path, long? partition)
    {
        Scheme = scheme;
        Path = path;
        Partition = partition;
    }

    /// <summary>The file or device that is the LUN, as an absolute path.</summary>
    public string Path { get; }

    /// <summary>Byte of the LUN at which the partition begins; null: the whole LUN.</summary>
    public long? Partition { get; }

    /// <summary>A block device of the kernel's, which has no reservations here yet.</summary>
    public bool IsBlockDevice => Scheme == BlockScheme;

    private string Scheme { get; }

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

        if (text.StartsWith("iscsi:", StringComparison.Ordinal))
        {
            throw Refused(
                $"'{text}' names a LUN of a kind that this version cannot open yet; use file:/absolute/path or block:/dev/path.");
        }

        var scheme = ((string[])[FileScheme, BlockScheme]).FirstOrDefault(known => text.StartsWith(known, StringComparison.Ordinal))
            ?? throw Refused($"'{text}' is not a LUN URI; use file:/absolute/path or block:/dev/path.");
        var (named, partition) = SplitPartition(text[scheme.Length..]);

        // file:///path is how RFC 8089 writes what we write as file:/path.
        var path = named.StartsWith("///", StringComparison.Ordinal) ? named[2..] : named;
        if (!path.StartsWith('/') || path.StartsWith("//", StringComparison.Ordinal) || path.EndsWith('/') || path.Contains('\0'))
        {
            throw Refused($"'{text}' does not name a file by its absolute path; use file:/absolute/path or block:/dev/path.");
        }

        return new LunUri(scheme, path, partition);
    }

    /// <summary>The same LUN, seen through one of its partitions.</summary>
    public LunUri InPartition(Partition partition)
    {
        ArgumentNullException.ThrowIfNull(partition);
        return new LunUri(Scheme, Path, partition.Start.Value);
    }

    /// <summary>
    /// Opens the LUN. The caller owns it. Errors as <see cref="FileLun.Open"/>; a partition that is not there any more is one too.
    /// </summary>
    public ILun Open(ILogger logger)
    {
        ILun whole = IsBlockDevice ? FileLun.OpenDevice(Path, logger) : FileLun.Open(Path, logger);
        if (Partition is not { } start)
        {
            return whole;
        }

        try
        {
            var table = PartitionTable.Read(whole)
                ?? throw Refused($"{Scheme}{Path} has no partition table any more, and the volume was in the partition at byte {start}.");
            return new PartitionLun(whole, table.At(start));
        }
        catch
        {
            whole.Dispose();
            throw;
        }
    }

    public override string ToString() =>
        Partition is { } start ? string.Create(CultureInfo.InvariantCulture, $"{Scheme}{Path}{PartitionMark}{start}") : Scheme + Path;

    private static (string Path, long? Partition) SplitPartition(string text)
    {
        var at = text.LastIndexOf(PartitionMark, StringComparison.Ordinal);
        return at >= 0 && long.TryParse(text.AsSpan(at + PartitionMark.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var start)
            ? (text[..at], start)
            : (text, null);
    }

    private static LunException Refused(string sentence) => new(LunError.NotFound, sentence);
}
