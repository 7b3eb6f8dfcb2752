namespace Covol.Protocol.Store;

/// <summary>
/// When a key of the cluster store was last changed: etcd's <c>mod_revision</c>, which grows by one with each transaction of the
/// whole store. 0: the key does not exist. A transaction compares it, so that a late or repeated one changes nothing.
/// </summary>
public readonly record struct StoreRevision(long Value) : IComparable<StoreRevision>
{
    public static bool operator <(StoreRevision left, StoreRevision right) => left.Value < right.Value;

    public static bool operator >(StoreRevision left, StoreRevision right) => left.Value > right.Value;

    public static bool operator <=(StoreRevision left, StoreRevision right) => left.Value <= right.Value;

    public static bool operator >=(StoreRevision left, StoreRevision right) => left.Value >= right.Value;

    public int CompareTo(StoreRevision other) => Value.CompareTo(other.Value);

    public override string ToString() => $"revision {Value}";
}
