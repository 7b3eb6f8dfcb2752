using System.Globalization;

namespace Covol.Lab.Demo;

/// <summary>
/// Draws the guest's write latency over the demo's time as one row of bars, with the events below it. Plain characters only, so
/// that it looks the same in a terminal, a pipe and a log.
/// </summary>
internal static class TimeLine
{
    private const string Bars = " .:-=+*#%@";

    /// <param name="output">Where to draw.</param>
    /// <param name="width">Columns for the row.</param>
    /// <param name="length">The time it shows.</param>
    /// <param name="latencies">When a write ended after the start, and how long it took or was waited for.</param>
    /// <param name="events">What happened when.</param>
    public static void Draw(
        TextWriter output,
        int width,
        TimeSpan length,
        IReadOnlyList<(TimeSpan At, TimeSpan Took)> latencies,
        IReadOnlyList<(TimeSpan At, string What)> events)
    {
        var worst = new TimeSpan[width];
        foreach (var (at, took) in latencies)
        {
            var column = Column(at, length, width);
            worst[column] = took > worst[column] ? took : worst[column];
        }

        output.WriteLine("guest write latency, worst per column: ' ' none, '.' 1 ms, '-' 10 ms, '+' 100 ms, '#' 1 s, '@' 10 s");
        output.WriteLine($"|{string.Concat(worst.Select(Bar))}|");
        var marks = new char[width];
        Array.Fill(marks, ' ');
        for (var i = 0; i < events.Count; i++)
        {
            marks[Column(events[i].At, length, width)] = Label(i);
        }

        output.WriteLine($" {new string(marks)}");
        for (var i = 0; i < events.Count; i++)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {Label(i)}  {events[i].At.TotalSeconds,7:0.00} s  {events[i].What}"));
        }
    }

    private static char Label(int index) => index < 26 ? (char)('a' + index) : '*';

    private static int Column(TimeSpan at, TimeSpan length, int width) =>
        (int)Math.Clamp(at / length * width, 0, width - 1);

    /// <summary>Two characters a decade of milliseconds.</summary>
    private static char Bar(TimeSpan took) => took <= TimeSpan.Zero
        ? Bars[0]
        : Bars[(int)Math.Clamp((Math.Log10(took.TotalMilliseconds) * 2) + 1, 1, Bars.Length - 1)];
}
