namespace Covol.Cli.Commands;

/// <summary>A command cannot do what was asked. The message is one sentence that says what to do.</summary>
public sealed class CommandException : Exception
{
    public CommandException()
        : base("The command failed.")
    {
    }

    public CommandException(string message)
        : base(message)
    {
    }

    public CommandException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
