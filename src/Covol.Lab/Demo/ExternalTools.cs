using System.Diagnostics;
using System.Security.Cryptography;

namespace Covol.Lab.Demo;

/// <summary>Asks programs that have nothing to do with Covol what they think of a released volume.</summary>
internal sealed class ExternalTools
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    private readonly string _lun;

    public ExternalTools(string lun) => _lun = lun;

    /// <summary>Findings, a sentence each: none when <c>ntfsfix -n</c> and <c>ntfsresize -i</c> accept the volume.</summary>
    public async Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellation)
    {
        var findings = new List<string>();
        await AddAsync(findings, "ntfsfix", ["-n", _lun], cancellation).ConfigureAwait(false);
        await AddAsync(findings, "ntfsresize", ["-i", "-f", "-P", _lun], cancellation).ConfigureAwait(false);
        return findings;
    }

    /// <summary>Mounts the volume with ntfs-3g, read only, and compares a file's SHA-256. Null: it is the same.</summary>
    public async Task<string?> CompareAsync(string fileOnVolume, byte[] expected, CancellationToken cancellation)
    {
        var point = Directory.CreateTempSubdirectory("covol-ntfs-3g-").FullName;
        try
        {
            var (status, output) = await RunAsync("ntfs-3g", ["-o", "ro", _lun, point], cancellation).ConfigureAwait(false);
            if (status != 0)
            {
                return $"ntfs-3g does not mount the volume: {output}";
            }

            try
            {
                await using var file = File.OpenRead($"{point}/{fileOnVolume}");
                var found = await SHA256.HashDataAsync(file, cancellation).ConfigureAwait(false);
                return found.AsSpan().SequenceEqual(expected)
                    ? null
                    : $"ntfs-3g reads other bytes from {fileOnVolume} than were written.";
            }
            catch (IOException failure)
            {
                return $"ntfs-3g cannot read {fileOnVolume}: {failure.Message}";
            }
        }
        finally
        {
            LabMounts.Unmount(point);
            Directory.Delete(point);
        }
    }

    private static async Task AddAsync(List<string> findings, string program, string[] arguments, CancellationToken cancellation)
    {
        var (status, output) = await RunAsync(program, arguments, cancellation).ConfigureAwait(false);
        if (status != 0)
        {
            findings.Add($"{program} ended with status {status}: {output}");
        }
    }

    private static async Task<(int Status, string Output)> RunAsync(string program, string[] arguments, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(s_limit);
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })
            ?? throw new LabException($"{program} could not be started.");
        var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
        var error = process.StandardError.ReadToEndAsync(deadline.Token);
        await process.WaitForExitAsync(deadline.Token).ConfigureAwait(false);
        var words = $"{await output.ConfigureAwait(false)} {await error.ConfigureAwait(false)}".Trim();
        return (process.ExitCode, words.Length > 400 ? words[^400..] : words);
    }
}
