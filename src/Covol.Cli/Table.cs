namespace Covol.Cli;

/// <summary>Rows for people: columns as wide as their content, a header, no colour, no escapes.</summary>
internal static class Table
{
    private const int Gap = 3;

    public static void Write<T>(TextWriter output, IReadOnlyList<T> rows, params (string Header, Func<T, string> Value)[] columns)
    {
        if (rows.Count == 0)
        {
            output.WriteLine("None.");
            return;
        }

        var cells = rows.Select(row => columns.Select(column => column.Value(row)).ToArray())
            .Prepend(columns.Select(column => column.Header.ToUpperInvariant()).ToArray())
            .ToArray();
        var widths = Enumerable.Range(0, columns.Length).Select(column => cells.Max(row => row[column].Length)).ToArray();
        foreach (var row in cells)
        {
            output.WriteLine(string.Concat(row.Select((cell, column) => cell.PadRight(widths[column] + Gap))).TrimEnd());
        }
    }
}
