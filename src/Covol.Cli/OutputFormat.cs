namespace Covol.Cli;

internal enum OutputFormat
{
    Table,
    Json,
}
