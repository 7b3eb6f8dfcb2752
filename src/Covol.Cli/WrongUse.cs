using System.CommandLine;
using System.CommandLine.Invocation;

namespace Covol.Cli;

/// <summary>A command line that cannot be understood: one sentence that names the mistake and the command's own help.</summary>
internal static class WrongUse
{
    /// <summary>Null: it can be understood, or asks for help.</summary>
    public static string? In(ParseResult parsed)
    {
        if (parsed.Errors.Count == 0 || parsed.Action is not (null or ParseErrorAction))
        {
            return null;
        }

        var command = Path(parsed.CommandResult.Command);
        var unknown = parsed.UnmatchedTokens is [var first, ..] ? first : null;
        var mistake = unknown switch
        {
            { } word when parsed.CommandResult.Command.Subcommands.Count > 0 => $"'{word}' is not a command of {command}.",
            { } word => $"'{word}' is one word too many or an unknown option.",
            _ when parsed.CommandResult.Command.Subcommands.Count > 0 => $"{command} needs one of its commands.",
            _ => Plain(parsed.Errors[0].Message),
        };
        return $"{(mistake.EndsWith('.') ? mistake : mistake + ".")} '{command} --help' shows how it is used.";
    }

    /// <returns>The exit status.</returns>
    public static int Refuse(string sentence)
    {
        Console.Error.WriteLine($"covol: {sentence}");
        return ExitStatus.WrongUse;
    }

    /// <summary>One line, without the names of our own types.</summary>
    private static string Plain(string message) => string.Join(' ', message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        .Replace("as expected type 'System.Int32'", "as a number", StringComparison.Ordinal);

    private static string Path(Command command)
    {
        var words = new Stack<string>();
        for (Symbol? at = command; at is Command named; at = at.Parents.FirstOrDefault(parent => parent is Command))
        {
            words.Push(named is RootCommand ? "covol" : named.Name);
        }

        return string.Join(' ', words);
    }
}
