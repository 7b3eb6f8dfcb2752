using System.Globalization;

namespace Covol.Node.Volumes;

/// <summary>Which programs of this machine have files open below a folder, told from /proc (proc(5), /proc/PID/fd).</summary>
internal static class OpenFiles
{
    /// <summary>One phrase a file and process: <c>folder/file (rsync, process 123)</c>; none that we may not look at.</summary>
    public static IReadOnlyList<string> Below(string folder)
    {
        var prefix = $"{folder}/";
        var found = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                continue;
            }

            try
            {
                foreach (var descriptor in Directory.EnumerateFiles($"{process}/fd"))
                {
                    if (File.ResolveLinkTarget(descriptor, returnFinalTarget: false) is { } target
                        && target.FullName.StartsWith(prefix, StringComparison.Ordinal))
                    {
                        found.Add($"{target.FullName[prefix.Length..]} ({File.ReadAllText($"{process}/comm").TrimEnd()}, process {id})");
                    }
                }
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // The process ended, or closed the file, while we looked.
            }
        }

        return [.. found];
    }
}
