using System.Diagnostics;

namespace Covol.Lab;

/// <summary>Mounts that a lab's killed processes left behind.</summary>
internal static class LabMounts
{
    /// <summary>Unmounts everything below a folder, lazily where it is busy.</summary>
    public static void Unmount(string prefix)
    {
        foreach (var point in Points().Where(point => point.StartsWith(prefix, StringComparison.Ordinal)).ToArray())
        {
            using var process = Process.Start(new ProcessStartInfo("/bin/umount", ["-l", point]) { RedirectStandardError = true })
                ?? throw new LabException($"Could not start umount for {point}.");
            var error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                throw new LabException($"{point} could not be unmounted: {error.Trim()}");
            }
        }
    }

    public static bool IsMounted(string point) => Points().Contains(point);

    private static IEnumerable<string> Points() => File.ReadLines("/proc/self/mountinfo")
        .Select(line => line.Split(' ')[4].Replace("\\040", " ", StringComparison.Ordinal));
}
