using System.ComponentModel;
using System.Diagnostics;

namespace Covol.Lab.Guest;

/// <summary>A program that is run to build the guest.</summary>
internal static class BuildCommand
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(3);

    /// <summary>What it printed. Throws <see cref="GuestImageException"/>: <paramref name="whenItFails"/> and its last line of
    /// error.</summary>
    public static async Task<string> RunAsync(
        string folder, string whenItFails, IReadOnlyList<string> command, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["LC_ALL"] = "C" },
        };
        Process process;
        try
        {
            process = Process.Start(start) ?? throw new GuestImageException($"{whenItFails}: {command[0]} did not start.");
        }
        catch (Win32Exception missing)
        {
            throw new GuestImageException($"{whenItFails}: {command[0]} is not installed.", missing);
        }

        using (process)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(s_deadline);
            process.StandardInput.Close();
            try
            {
                var output = process.StandardOutput.ReadToEndAsync(limit.Token);
                var errors = process.StandardError.ReadToEndAsync(limit.Token);
                await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
                var said = (await errors.ConfigureAwait(false)).Trim();
                return process.ExitCode == 0
                    ? await output.ConfigureAwait(false)
                    : throw new GuestImageException($"{whenItFails}: {said.Split('\n')[^1]}");
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                process.Kill(entireProcessTree: true);
                throw new GuestImageException($"{whenItFails}: {command[0]} did not end within {s_deadline.TotalMinutes} minutes.");
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                throw;
            }
        }
    }
}
