using Covol.Cli;

var parsed = CommandTree.Build().Parse(args);
return WrongUse.In(parsed) is { } sentence ? WrongUse.Refuse(sentence) : await parsed.InvokeAsync();
