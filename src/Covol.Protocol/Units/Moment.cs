namespace Covol.Protocol.Units;

/// <summary>
/// A reading of one node's CLOCK_BOOTTIME in nanoseconds: it never steps back and goes on while the node sleeps, so a lease
/// cannot be stretched by suspending the machine. Moments of two nodes are never compared.
/// </summary>
public readonly record struct Moment(long Nanoseconds) : IComparable<Moment>
{
    public static Moment operator +(Moment at, TimeSpan span) => new(checked(at.Nanoseconds + (span.Ticks * 100)));

    public static TimeSpan operator -(Moment end, Moment start) => TimeSpan.FromTicks((end.Nanoseconds - start.Nanoseconds) / 100);

    public static bool operator <(Moment left, Moment right) => left.Nanoseconds < right.Nanoseconds;

    public static bool operator >(Moment left, Moment right) => left.Nanoseconds > right.Nanoseconds;

    public static bool operator <=(Moment left, Moment right) => left.Nanoseconds <= right.Nanoseconds;

    public static bool operator >=(Moment left, Moment right) => left.Nanoseconds >= right.Nanoseconds;

    public int CompareTo(Moment other) => Nanoseconds.CompareTo(other.Nanoseconds);
}
