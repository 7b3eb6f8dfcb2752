namespace Covol.Protocol.Units;

/// <summary>A point in time as NTFS keeps it: 100 ns units since 1601-01-01 UTC (MS-DTYP 2.3.3).</summary>
public readonly record struct FileTime(long Value)
{
    private const long UnixEpoch = 116_444_736_000_000_000;

    /// <summary>Seconds since 1970-01-01, rounded down, so that <see cref="UnixNanoseconds"/> is never negative.</summary>
    public long UnixSeconds => Math.DivRem(Value - UnixEpoch, 10_000_000) is var (quotient, remainder) && remainder < 0
        ? quotient - 1
        : (Value - UnixEpoch) / 10_000_000;

    /// <summary>Nanoseconds within <see cref="UnixSeconds"/>, a multiple of 100.</summary>
    public uint UnixNanoseconds => (uint)(Value - UnixEpoch - (UnixSeconds * 10_000_000)) * 100;

    public static FileTime FromUnix(long seconds, uint nanoseconds) =>
        new(checked((seconds * 10_000_000) + (nanoseconds / 100) + UnixEpoch));
}
