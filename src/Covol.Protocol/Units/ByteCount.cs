namespace Covol.Protocol.Units;

/// <summary>A number of bytes.</summary>
public readonly record struct ByteCount(long Value) : IComparable<ByteCount>
{
    public static ByteCount Zero => default;

    public static ByteCount FromKibibytes(long kibibytes) => new(checked(kibibytes << 10));

    public static ByteCount FromMebibytes(long mebibytes) => new(checked(mebibytes << 20));

    public static ByteCount operator +(ByteCount left, ByteCount right) => new(checked(left.Value + right.Value));

    public static ByteCount operator -(ByteCount left, ByteCount right) => new(checked(left.Value - right.Value));

    public static bool operator <(ByteCount left, ByteCount right) => left.Value < right.Value;

    public static bool operator >(ByteCount left, ByteCount right) => left.Value > right.Value;

    public static bool operator <=(ByteCount left, ByteCount right) => left.Value <= right.Value;

    public static bool operator >=(ByteCount left, ByteCount right) => left.Value >= right.Value;

    public int CompareTo(ByteCount other) => Value.CompareTo(other.Value);

    public override string ToString() => $"{Value} B";
}
