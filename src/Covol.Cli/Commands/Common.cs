using System.CommandLine;
using System.Text.Json.Serialization.Metadata;
using Covol.Api;
using Covol.Cli.Contracts;
using Covol.Lab;
using Covol.Lab.Guest;

namespace Covol.Cli.Commands;

/// <summary>Options every command has, and the one place where failures become an exit status and a sentence.</summary>
internal static class Common
{
    private const string SystemSocket = "/run/covol/node.sock";
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(10);

    public static Option<string?> Node { get; } = new("--node")
    {
        Description = "The node to talk to (default: COVOL_NODE, else this machine's node, in a lab the first).",
        Recursive = true,
        HelpName = "NODE",
    };

    public static Option<OutputFormat> Output { get; } = BuildOutput();

    /// <summary>Gives a command its action: a failure becomes one sentence on standard error and a non-zero status.</summary>
    public static Command Runs(this Command command, Func<ParseResult, CancellationToken, Task> action) =>
        command.Ends(async (parsed, cancellation) =>
        {
            await action(parsed, cancellation);
            return ExitStatus.Done;
        });

    /// <summary>Gives a command an action whose outcome is an exit status of its own.</summary>
    public static Command Ends(this Command command, Func<ParseResult, CancellationToken, Task<int>> action)
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

    /// <summary>Prints the answer for programs, or lets <paramref name="people"/> print it for people.</summary>
    public static void Answer<T>(ParseResult parsed, T answer, JsonTypeInfo<T> type, Action people)
    {
        if (Format(parsed) == OutputFormat.Json)
        {
            Json.Write(Console.Out, answer, type);
            return;
        }

        people();
    }

    /// <summary>The answer of a command after which there is nothing left to show.</summary>
    public static void Done(ParseResult parsed, string subject, string result, string sentence) => Answer(
        parsed, new OrderView(subject, result), CliJson.Indented.OrderView, () => Console.WriteLine(sentence));

    /// <summary>The lab that <c>--dir</c> or COVOL_LAB names, or the default one.</summary>
    public static LabDirectory Lab(string? folder) =>
        new(folder ?? (Environment.GetEnvironmentVariable("COVOL_LAB") is { Length: > 0 } named ? named : DefaultLab()));

    /// <summary>The command that runs covold: beside this program, or where COVOL_DAEMON points.</summary>
    public static IReadOnlyList<string> Daemon()
    {
        var daemon = Environment.GetEnvironmentVariable("COVOL_DAEMON") is { Length: > 0 } named ? named : $"{AppContext.BaseDirectory}covold.dll";
        if (!File.Exists(daemon))
        {
            throw new LabException($"covold is not at {daemon}. Set COVOL_DAEMON to its path.");
        }

        return daemon.EndsWith(".dll", StringComparison.Ordinal) ? ["dotnet", Path.GetFullPath(daemon)] : [Path.GetFullPath(daemon)];
    }

    /// <summary>
    /// Where <c>--json FILE</c> shall go. Asked before the work begins: minutes of it are lost when the file cannot be written.
    /// </summary>
    public static void CheckWritable(string? file)
    {
        if (file is not null)
        {
            using var probe = new FileStream(file, FileMode.OpenOrCreate, FileAccess.Write);
        }
    }

    private static Option<OutputFormat> BuildOutput()
    {
        var output = new Option<OutputFormat>("--output", "-o")
        {
            Description = "table for people, json for programs.",
            Recursive = true,
            HelpName = "table|json",
            DefaultValueFactory = _ => OutputFormat.Table,
            CustomParser = result => result.Tokens is [{ Value: "json" }] ? OutputFormat.Json : OutputFormat.Table,
        };
        return output.AcceptOnlyFromAmong("table", "json");
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

    public static NodeClient Connect(ParseResult parsed)
    {
        var node = parsed.GetValue(Node) ?? (Environment.GetEnvironmentVariable("COVOL_NODE") is { Length: > 0 } named ? named : null);
        var lab = Lab(null);
        if (!lab.Exists)
        {
            return node is null || node == Environment.MachineName
                ? NodeClient.OverUnixSocket(SystemSocket, s_deadline, $"This machine's node ({SystemSocket})")
                : throw new CommandException(
                    $"There is no lab in {lab.Path}, and '{node}' is not this machine: set COVOL_LAB to the lab's folder, or run covol there.");
        }

        var number = node is null ? lab.Read().Nodes[0] : lab.ParseNode(node);
        return NodeClient.OverUnixSocket(lab.ApiSocket(number), s_deadline, $"node{number} of the lab in {lab.Path}");
    }

    private static async Task<int> GuardAsync(Func<Task<int>> action, CancellationToken cancellation)
    {
        try
        {
            return await action();
        }
        catch (Exception failure) when (failure is NodeApiException or LabException or CommandException or GuestImageException)
        {
            await Console.Error.WriteLineAsync($"covol: {failure.Message}");
            return ExitStatus.Failed;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // A file or folder of this machine that cannot be used; the system's own sentence names it.
            var advice = Environment.IsPrivilegedProcess ? "" : " You are not root, which may be why.";
            await Console.Error.WriteLineAsync($"covol: {failure.Message}{advice}");
            return ExitStatus.Failed;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("covol: interrupted; what the node was asked to do may still be going on.");
            return ExitStatus.Interrupted;
        }
    }
}
