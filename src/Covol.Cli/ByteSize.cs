using System.Globalization;
using Covol.Cli.Commands;

namespace Covol.Cli;

/// <summary>Sizes as administrators type them: <c>512M</c>, <c>8G</c>, <c>131080K</c>; powers of 1024.</summary>
internal static class ByteSize
{
    private const string Units = "KMGT";

    public static long Parse(string text)
    {
        var unit = text.Length == 0 ? -1 : Units.IndexOf(char.ToUpperInvariant(text[^1]));
        var digits = unit < 0 ? text : text[..^1];
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number <= 0
            || number > long.MaxValue >> (10 * (unit + 1)))
        {
            throw new CommandException($"'{text}' is not a size: write a number with K, M, G or T, for example 8G.");
        }

        return number << (10 * (unit + 1));
    }

    /// <summary>The largest unit that leaves at most four digits: <c>8.0 GiB</c>.</summary>
    public static string Show(long bytes)
    {
        var value = (double)bytes;
        var unit = -1;
        while (value >= 1024 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return unit < 0 ? $"{bytes} B" : string.Create(CultureInfo.InvariantCulture, $"{value:0.0} {Units[unit]}iB");
    }
}
