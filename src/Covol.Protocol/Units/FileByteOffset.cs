namespace Covol.Protocol.Units;

/// <summary>A position in a file's data, in bytes from its first byte.</summary>
public readonly record struct FileByteOffset(long Value) : IComparable<FileByteOffset>
{
    public static FileByteOffset Zero => default;

    public static FileByteOffset operator +(FileByteOffset at, ByteCount count) => new(checked(at.Value + count.Value));

    public static ByteCount operator -(FileByteOffset end, FileByteOffset start) => new(checked(end.Value - start.Value));

    public static bool operator <(FileByteOffset left, FileByteOffset right) => left.Value < right.Value;

    public static bool operator >(FileByteOffset left, FileByteOffset right) => left.Value > right.Value;

    public static bool operator <=(FileByteOffset left, FileByteOffset right) => left.Value <= right.Value;

    public static bool operator >=(FileByteOffset left, FileByteOffset right) => left.Value >= right.Value;

    public int CompareTo(FileByteOffset other) => Value.CompareTo(other.Value);

    public override string ToString() => $"file:{Value}";
}
