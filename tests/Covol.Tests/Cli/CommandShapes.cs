using System.CommandLine;
using Covol.Cli;
using Covol.Cli.Contracts;
using Shouldly;
using Xunit;

namespace Covol.Tests.Cli;

/// <summary>What administrators and their scripts depend on: commands, options, exit statuses, the names of the JSON.</summary>
public sealed class CommandShapes
{
    private static readonly string[] s_commands =
    [
        "covol",
        "covol bench --files --growth --json --only --peers --rounds --seconds",
        "covol cluster",
        "covol cluster status",
        "covol completion",
        "covol demo --dir --json",
        "covol disk",
        "covol disk convert --format",
        "covol disk create --format --size",
        "covol disk info",
        "covol lab",
        "covol lab down --keep",
        "covol lab kill --process",
        "covol lab restart",
        "covol lab status",
        "covol lab up --nodes --size",
        "covol node",
        "covol node list",
        "covol simulate",
        "covol vm",
        "covol vm create --append --cpus --disk --initrd --kernel --memory",
        "covol vm list",
        "covol vm migrate --to",
        "covol vm remove",
        "covol vm show",
        "covol vm start --on",
        "covol vm stop --force",
        "covol volume",
        "covol volume add --force --format --gpt --lun --no-fencing",
        "covol volume check --force --lun",
        "covol volume list",
        "covol volume move --to",
        "covol volume remove --force",
        "covol volume state",
    ];

    [Fact]
    public void No_command_and_no_option_goes_or_changes_its_name() => All(CommandTree.Build(), "covol")
        .Select(found => string.Join(' ', Own(found.Command).Select(option => option.Name).Order(StringComparer.Ordinal).Prepend(found.Words)))
        .Order(StringComparer.Ordinal)
        .ShouldBe(s_commands);

    [Fact]
    public void Every_command_option_and_argument_says_what_it_is()
    {
        var silent = All(CommandTree.Build(), "covol")
            .SelectMany(found => (IEnumerable<Symbol>)[found.Command, .. Own(found.Command), .. found.Command.Arguments])
            .Where(symbol => string.IsNullOrWhiteSpace(symbol.Description))
            .Select(symbol => symbol.Name);

        silent.ShouldBeEmpty();
    }

    [Fact]
    public void Each_exit_status_is_in_the_documentation_with_its_number()
    {
        var documented = File.ReadAllLines(Path.Combine(House.Repository.Root, "docs", "api.md"))
            .SkipWhile(line => !line.StartsWith("| exit status", StringComparison.Ordinal)).Skip(2)
            .TakeWhile(line => line.StartsWith('|'))
            .Select(line => int.Parse(line.Split('|')[1], System.Globalization.CultureInfo.InvariantCulture));

        documented.ShouldBe([ExitStatus.Done, ExitStatus.Failed, ExitStatus.WrongUse, ExitStatus.Damaged, ExitStatus.Interrupted]);
    }

    [Theory]
    [InlineData(typeof(OrderView), "subject result")]
    [InlineData(typeof(LabView), "directory volume lun nodes")]
    [InlineData(typeof(LabNodeView), "node state reason namespace")]
    [InlineData(typeof(DiskView), "path format virtualBytes allocatedBytes usable reason")]
    public void What_only_the_command_line_knows_keeps_its_names(Type contract, string names)
    {
        var type = CliJson.Indented.GetTypeInfo(contract).ShouldNotBeNull();

        string.Join(' ', type.Properties.Select(property => property.Name)).ShouldBe(names);
    }

    [Theory]
    [InlineData("frob", "'frob' is not a command of covol. 'covol --help' shows how it is used.")]
    [InlineData("", "covol needs one of its commands. 'covol --help' shows how it is used.")]
    [InlineData("volume", "covol volume needs one of its commands. 'covol volume --help' shows how it is used.")]
    [InlineData("volume add V", "Option '--lun' is required. 'covol volume add --help' shows how it is used.")]
    [InlineData("volume check", "Name a volume, or a LUN with --lun, not both. 'covol volume check --help' shows how it is used.")]
    [InlineData("volume check V --lun file:/x", "Name a volume, or a LUN with --lun, not both. 'covol volume check --help' shows how it is used.")]
    [InlineData("volume check V --force", "--force goes with --lun only. 'covol volume check --help' shows how it is used.")]
    [InlineData("volume state more", "'more' is one word too many or an unknown option. 'covol volume state --help' shows how it is used.")]
    [InlineData(
        "volume state -o yaml",
        "Argument 'yaml' not recognized. Must be one of: 'table' 'json'. 'covol volume state --help' shows how it is used.")]
    [InlineData(
        "vm create v --memory 1G --disk a --cpus two",
        "Cannot parse argument 'two' for option '--cpus' as a number. 'covol vm create --help' shows how it is used.")]
    public void A_wrong_word_is_named_in_one_sentence(string line, string sentence) =>
        WrongUse.In(CommandTree.Build().Parse(line)).ShouldBe(sentence);

    [Theory]
    [InlineData("volume state -o json")]
    [InlineData("volume add --help")]
    [InlineData("--version")]
    [InlineData("vm create v --memory 1G --disk a b --disk c")]
    public void A_right_line_is_none(string line) => WrongUse.In(CommandTree.Build().Parse(line)).ShouldBeNull();

    private static IEnumerable<(string Words, Command Command)> All(Command command, string words) =>
        command.Subcommands.SelectMany(below => All(below, $"{words} {below.Name}")).Prepend((words, command));

    /// <summary>Those that only this command has: every command has --node, --output, --help; every lab command --dir.</summary>
    private static IEnumerable<Option> Own(Command command) =>
        command.Options.Where(option => !option.Recursive && option.Name is not ("--help" or "--version"));
}
