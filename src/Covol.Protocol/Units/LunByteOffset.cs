namespace Covol.Protocol.Units;

/// <summary>A position on the LUN, in bytes from its first byte.</summary>
public readonly record struct LunByteOffset(long Value) : IComparable<LunByteOffset>
{
    public static LunByteOffset operator +(LunByteOffset at, ByteCount count) => new(checked(at.Value + count.Value));

    public static ByteCount operator -(LunByteOffset end, LunByteOffset start) => new(checked(end.Value - start.Value));

    public static bool operator <(LunByteOffset left, LunByteOffset right) => left.Value < right.Value;

    public static bool operator >(LunByteOffset left, LunByteOffset right) => left.Value > right.Value;

    public static bool operator <=(LunByteOffset left, LunByteOffset right) => left.Value <= right.Value;

    public static bool operator >=(LunByteOffset left, LunByteOffset right) => left.Value >= right.Value;

    public int CompareTo(LunByteOffset other) => Value.CompareTo(other.Value);

    public override string ToString() => $"lun:{Value}";
}
