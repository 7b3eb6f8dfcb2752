namespace Covol.Cli;

/// <summary>What <c>covol</c> ends with; the table in docs/api.md, which a test compares.</summary>
internal static class ExitStatus
{
    /// <summary>It was done.</summary>
    public const int Done = 0;

    /// <summary>It was refused or failed; one sentence on standard error says what to do.</summary>
    public const int Failed = 1;

    /// <summary>The command line is wrong: an unknown word, an argument that is missing.</summary>
    public const int WrongUse = 2;

    /// <summary>A check was done and found damage.</summary>
    public const int Damaged = 3;

    /// <summary>Interrupted by Ctrl-C (128 + SIGINT).</summary>
    public const int Interrupted = 130;
}
