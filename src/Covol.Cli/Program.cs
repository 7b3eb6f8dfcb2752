using System.CommandLine;
using System.CommandLine.Parsing;
using Covol.Cli;
using Covol.Cli.Commands;

var parsed = CommandTree.Build().Parse(args, new ParserConfiguration());
return WrongUse.In(parsed) is { } sentence ? WrongUse.Refuse(sentence) : await parsed.InvokeAsync();
