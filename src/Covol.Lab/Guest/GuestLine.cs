using System.Globalization;

namespace Covol.Lab.Guest;

/// <summary>A line of the guest's workload on its console; the forms are described in <c>covol-guest.c</c>.</summary>
public abstract record GuestLine
{
    private GuestLine()
    {
    }

    /// <summary>The workload begins with write <see cref="Next"/>.</summary>
    public sealed record Ready(long Next, int Blocks, int PeriodMs, int BadBlocks) : GuestLine;

    /// <summary>Write <see cref="Sequence"/> was acknowledged. Times by the guest's clock, which stands still while it is
    /// stopped.</summary>
    public sealed record Tick(long Sequence, long GapMs, long IoMs, long GapMaxMs, long Errors) : GuestLine;

    public sealed record IoError(long Sequence, int Errno, string What) : GuestLine;

    /// <summary>The power button was pressed; <see cref="Last"/> is the last write.</summary>
    public sealed record Bye(long Last) : GuestLine;

    public sealed record Fatal(string Reason) : GuestLine;

    /// <summary>Null for a line of the kernel, and for one that was torn.</summary>
    public static GuestLine? Parse(string line)
    {
        var words = line.Trim().Split(' ');
        switch (words)
        {
            case ["READY", var next, var blocks, var period, var bad]
                when Named(next, "seq", out var n) && Named(blocks, "blocks", out var b) && Named(period, "per", out var p)
                && Named(bad, "bad", out var x):
                return new Ready(n, (int)b, (int)p, (int)x);
            case ["T", var sequence, var gap, var io, var gapMax, var errors]
                when Number(sequence, out var s) && Number(gap, out var g) && Number(io, out var i) && Number(gapMax, out var m)
                && Number(errors, out var e):
                return new Tick(s, g, i, m, e);
            case ["E", var sequence, var errno, .. var what] when Number(sequence, out var s) && Number(errno, out var code):
                return new IoError(s, (int)code, string.Join(' ', what));
            case ["BYE", var last] when Number(last, out var l):
                return new Bye(l);
            case ["FATAL", .. var reason]:
                return new Fatal(string.Join(' ', reason));
            default:
                return null;
        }
    }

    private static bool Named(string word, string name, out long value)
    {
        value = 0;
        return word.StartsWith(name + "=", StringComparison.Ordinal) && Number(word[(name.Length + 1)..], out value);
    }

    private static bool Number(string word, out long value) =>
        long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
