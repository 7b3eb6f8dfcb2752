using System.CommandLine;
using Covol.Api;
using Covol.Lab;

namespace Covol.Cli.Commands;

/// <summary>Options every command has, and the one place where failures become an exit status and a sentence.</summary>
internal static class Common
{
    /// <summary>The request was refused or failed.</summary>
    public const int Failed = 1;

    /// <summary>Interrupted by Ctrl-C (128 + SIGINT).</summary>
    public const int Interrupted = 130;

    private const string SystemSocket = "/run/covol/node.sock";
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(10);

    public static Option<string?> Node { get; } = new("--node")
    {
        Description = "The node to talk to (default: COVOL_NODE, else this machine's node, in a lab the first).",
        Recursive = true,
        HelpName = "NODE",
    };

    public static Option<OutputFormat> Output { get; } = new("--output", "-o")
    {
        Description = "Table for people, json for programs.",
        Recursive = true,
    };

    /// <summary>Gives a command its action: a failure becomes one sentence on standard error and a non-zero status.</summary>
    public static Command Runs(this Command command, Func<ParseResult, CancellationToken, Task> action)
    {
        command.SetAction((parsed, cancellation) => GuardAsync(() => action(parsed, cancellation), cancellation));
        return command;
    }

    /// <summary>Gives a command an action that talks to a node.</summary>
    public static Command Asks(this Command command, Func<NodeClient, ParseResult, CancellationToken, Task> action) =>
        command.Runs(async (parsed, cancellation) =>
        {
            using var client = Connect(parsed);
            await action(client, parsed, cancellation);
        });

    public static OutputFormat Format(ParseResult parsed) => parsed.GetValue(Output);

    /// <summary>The lab that <c>--dir</c> or COVOL_LAB names, or the default one.</summary>
    public static LabDirectory Lab(string? folder) =>
        new(folder ?? (Environment.GetEnvironmentVariable("COVOL_LAB") is { Length: > 0 } named ? named : DefaultLab()));

    /// <summary>The command that runs covold: beside this program, or where COVOL_DAEMON points.</summary>
    public static IReadOnlyList<string> Daemon()
    {
        var daemon = Environment.GetEnvironmentVariable("COVOL_DAEMON") ?? $"{AppContext.BaseDirectory}covold.dll";
        if (!File.Exists(daemon))
        {
            throw new LabException($"covold is not at {daemon}. Set COVOL_DAEMON to its path.");
        }

        return daemon.EndsWith(".dll", StringComparison.Ordinal) ? ["dotnet", Path.GetFullPath(daemon)] : [Path.GetFullPath(daemon)];
    }

    /// <summary>
    /// <c>~/.covol/lab</c>, unless others may not pass through the home directory: QEMU runs as a user of its own and must reach the
    /// disks in the lab's namespace. Then <c>/var/lib/covol-lab</c>.
    /// </summary>
    private static string DefaultLab()
    {
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return Directory.Exists(home) && (File.GetUnixFileMode(home) & UnixFileMode.OtherExecute) != 0 ? $"{home}/.covol/lab" : "/var/lib/covol-lab";
    }

    private static NodeClient Connect(ParseResult parsed)
    {
        var node = parsed.GetValue(Node) ?? Environment.GetEnvironmentVariable("COVOL_NODE");
        var lab = Lab(null);
        if (!lab.Exists)
        {
            return node is null || !File.Exists(SystemSocket) || node == Environment.MachineName
                ? NodeClient.OverUnixSocket(SystemSocket, s_deadline)
                : throw new NodeApiException($"'{node}' is not this machine: run covol there.");
        }

        var number = node is null ? lab.Read().Nodes[0] : lab.ParseNode(node);
        return NodeClient.OverUnixSocket(lab.ApiSocket(number), s_deadline);
    }

    private static async Task<int> GuardAsync(Func<Task> action, CancellationToken cancellation)
    {
        try
        {
            await action();
            return 0;
        }
        catch (Exception failure) when (failure is NodeApiException or LabException or CommandException)
        {
            await Console.Error.WriteLineAsync($"covol: {failure.Message}");
            return Failed;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("covol: interrupted; what the node was asked to do may still be going on.");
            return Interrupted;
        }
    }
}
