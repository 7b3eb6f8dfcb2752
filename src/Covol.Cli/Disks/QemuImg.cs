using System.ComponentModel;
using System.Diagnostics;
using Covol.Cli.Commands;

namespace Covol.Cli.Disks;

/// <summary>Runs <c>qemu-img</c> to its end. Its last words become the error when it fails.</summary>
internal static class QemuImg
{
    /// <summary>Its standard output.</summary>
    public static async Task<string> ReadAsync(string[] arguments, CancellationToken cancellation)
    {
        using var process = Start(arguments, quiet: true);
        var output = process.StandardOutput.ReadToEndAsync(cancellation);
        await EndAsync(process, cancellation);
        return await output;
    }

    /// <summary>Its standard output, where it draws its progress, is ours.</summary>
    public static async Task DrawAsync(string[] arguments, CancellationToken cancellation)
    {
        using var process = Start(arguments, quiet: false);
        await EndAsync(process, cancellation);
    }

    private static Process Start(string[] arguments, bool quiet)
    {
        var start = new ProcessStartInfo("qemu-img", arguments) { RedirectStandardOutput = quiet, RedirectStandardError = true };
        try
        {
            return Process.Start(start) ?? throw new CommandException("qemu-img could not be started.");
        }
        catch (Win32Exception failure)
        {
            throw new CommandException("qemu-img is not installed: 'apt-get install qemu-utils'.", failure);
        }
    }

    private static async Task EndAsync(Process process, CancellationToken cancellation)
    {
        try
        {
            var error = await process.StandardError.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            if (process.ExitCode != 0)
            {
                throw new CommandException(Sentence(error) ?? $"qemu-img ended with status {process.ExitCode}.");
            }
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
    }

    private static string? Sentence(string error)
    {
        var lines = error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (lines.Length == 0)
        {
            return null;
        }

        return error.Contains("Failed to get", StringComparison.Ordinal) && error.Contains("lock", StringComparison.Ordinal)
            ? $"The disk is in use by a virtual machine or another program: stop it first. ({string.Join(' ', lines)})"
            : $"{string.Join(' ', lines).TrimEnd('.')}.";
    }
}
