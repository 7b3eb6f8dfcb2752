using System.Diagnostics;
using System.Globalization;

namespace Covol.Growth;

/// <summary>Takes figures while they are measured, and prints them with the counts side by side.</summary>
internal sealed class GrowthTable
{
    private readonly List<GrowthFigure> _figures = [];

    public IReadOnlyList<GrowthFigure> Figures => _figures;

    public void Add(string grows, int count, string measure, double value, string unit)
    {
        if (!(value > 0))
        {
            throw new GrowthException($"{measure} with {count} {grows} gave {value} {unit}, which cannot be.");
        }

        _figures.Add(new GrowthFigure(grows, count, measure, value, unit));
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count,7} {grows,-10} {measure}: {Shown(value)} {unit}"));
    }

    /// <summary>The median of so many operations, one after the other, in microseconds.</summary>
    public async Task TimeAsync(string grows, int count, string measure, int times, Func<int, Task> operation)
    {
        var taken = new double[times];
        for (var index = 0; index < times; index++)
        {
            var start = Stopwatch.GetTimestamp();
            await operation(index);
            taken[index] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }

        Array.Sort(taken);
        Add(grows, count, measure, taken[times / 2], "µs");
    }

    /// <summary>A table of each kind of growth: a row a measure, a column a count.</summary>
    public void Print(TextWriter target)
    {
        foreach (var grows in _figures.GroupBy(figure => figure.Grows))
        {
            var counts = grows.Select(figure => figure.Count).Distinct().ToArray();
            target.WriteLine();
            target.WriteLine($"| {grows.Key} | {string.Join(" | ", counts.Select(count => count.ToString("N0", CultureInfo.InvariantCulture)))} |");
            target.WriteLine($"| --- |{string.Concat(Enumerable.Repeat(" --- |", counts.Length))}");
            foreach (var measure in grows.GroupBy(figure => (figure.Measure, figure.Unit)))
            {
                var cells = counts.Select(count => measure.FirstOrDefault(figure => figure.Count == count) is { } there ? Shown(there.Value) : "");
                target.WriteLine($"| {measure.Key.Measure}, {measure.Key.Unit} | {string.Join(" | ", cells)} |");
            }
        }
    }

    private static string Shown(double value) =>
        value.ToString(value < 10 ? "0.0" : "#,0", CultureInfo.InvariantCulture);
}
