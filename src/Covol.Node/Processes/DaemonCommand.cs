using System.Diagnostics;

namespace Covol.Node.Processes;

/// <summary>How to start <c>covold</c> in another role: the same program that this process runs.</summary>
internal sealed class DaemonCommand
{
    private const string Spoken = "covold: ";
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);

    /// <param name="words">The program and what stands before a role's own arguments, e.g. <c>dotnet /usr/lib/covol/covold.dll</c>.</param>
    public DaemonCommand(IReadOnlyList<string> words) => Words = words;

    public IReadOnlyList<string> Words { get; }

    /// <summary>The command that started this process.</summary>
    public static DaemonCommand Own()
    {
        var program = Environment.ProcessPath ?? throw new NodeException("This process does not know its own program.");
        return Path.GetFileName(program) == "dotnet"
            ? new DaemonCommand([program, $"{AppContext.BaseDirectory}covold.dll"])
            : new DaemonCommand([program]);
    }

    /// <summary>Runs a role that ends by itself; answers what it printed. Its last words become the error when it fails.</summary>
    public async Task<string> RunToEndAsync(IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(s_limit);
        var start = new ProcessStartInfo(Words[0], [.. Words.Skip(1), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start) ?? throw new NodeException($"{Words[0]} could not be started.");
        var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
        var error = process.StandardError.ReadToEndAsync(deadline.Token);
        try
        {
            await process.WaitForExitAsync(deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }

        var printed = await output.ConfigureAwait(false);
        if (process.ExitCode != 0)
        {
            throw new NodeException(
                LastSentence(await error.ConfigureAwait(false)) ?? $"covold {arguments[0]} ended with status {process.ExitCode}.");
        }

        return printed;
    }

    /// <summary>What the other role said last, without its own name before it.</summary>
    private static string? LastSentence(string error)
    {
        var line = error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();
        return line is not null && line.StartsWith(Spoken, StringComparison.Ordinal) ? line[Spoken.Length..] : line;
    }
}
