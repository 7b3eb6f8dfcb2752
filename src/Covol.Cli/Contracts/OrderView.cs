namespace Covol.Cli.Contracts;

/// <summary>The answer of commands after which there is nothing left to show.</summary>
/// <param name="Subject">A volume, a virtual machine, a node or a lab's folder.</param>
/// <param name="Result"><c>Removed</c>, <c>Down</c>, <c>Killed</c>, <c>NothingToKill</c>, <c>Up</c> or <c>Waiting</c>.</param>
internal sealed record OrderView(string Subject, string Result);
