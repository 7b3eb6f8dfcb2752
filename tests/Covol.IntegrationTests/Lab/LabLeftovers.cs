using System.Text;

namespace Covol.IntegrationTests.Lab;

/// <summary>What is there of a lab or of one of its nodes, seen by the kernel and not by the lab.</summary>
internal static class LabLeftovers
{
    /// <summary>Command lines of living processes whose node's folder is this one or below it.</summary>
    public static IReadOnlyList<string> Processes(string folder)
    {
        var found = new List<string>();
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            var marks = Read($"{process}/environ").Split('\0');
            if (marks.Any(mark => $"{mark}/".StartsWith($"COVOL_NODE_DIRECTORY={folder}/", StringComparison.Ordinal))
                && Read($"{process}/cmdline") is { Length: > 0 } command)
            {
                found.Add($"{Path.GetFileName(process)} {command.Replace('\0', ' ')}");
            }
        }

        return found;
    }

    public static IReadOnlyList<string> Mounts(string folder) =>
        [.. File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4])
            .Where(point => point.StartsWith($"{folder}/", StringComparison.Ordinal))];

    private static string Read(string file)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes(file));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            // The process ended while we looked.
            return string.Empty;
        }
    }
}
