using System.CommandLine;

namespace Covol.Cli.Commands;

/// <summary>
/// Completion of words by the shell. The words come from this program itself: System.CommandLine answers <c>covol [suggest:N] "line"</c>
/// with what may stand at position N.
/// </summary>
internal static class CompletionCommand
{
    private const string Bash = """
        # covol's words for bash: source <(covol completion bash)
        _covol_words() {
            local words
            words=$(covol "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)
            mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
        }
        complete -o default -F _covol_words covol
        """;

    private const string Zsh = """
        # covol's words for zsh: source <(covol completion zsh)
        _covol_words() {
            local -a words
            words=("${(@f)$(covol "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
            compadd -a words
        }
        compdef _covol_words covol
        """;

    public static Command Build()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash or zsh." };
        shell.AcceptOnlyFromAmong("bash", "zsh");
        return new Command("completion", "Prints what makes a shell complete covol's words: source <(covol completion bash)") { shell }.Runs(
            (parsed, _) =>
            {
                Console.WriteLine(parsed.GetRequiredValue(shell) == "bash" ? Bash : Zsh);
                return Task.CompletedTask;
            });
    }
}
