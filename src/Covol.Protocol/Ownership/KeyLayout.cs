using Covol.Protocol.Ids;

namespace Covol.Protocol.Ownership;

/// <summary>
/// How Covol fills the 64 bits of a reservation key (SAFETY 2 and 6). Nothing outside this class takes a key apart. All keys of
/// one node's data path share their first 24 bits, so "fence this node" is "preempt every key with this prefix".
/// </summary>
/// <remarks>
/// <code>
///  63            48 47 46      40 39                                  4 3      0
/// ┌────────────────┬──┬──────────┬─────────────────────────────────────┬────────┐
/// │ cluster tag    │ 0│ node     │ incarnation                         │ path   │  data key of a node's mount process
/// ├────────────────┼──┼──────────┼───────────────┬─────────────────────┴────────┤
/// │ cluster tag    │ 1│ node     │ volume number │ attempt                      │  key of one coordinator process
/// └────────────────┴──┴──────────┴───────────────┴──────────────────────────────┘
///  63            48 47 46      40 39           28 27                           0
/// </code>
/// Incarnations and attempts are counted per node in the cluster store and never handed out twice; the tag differs between two
/// lives of a cluster of the same name. So a key is never registered a second time for another life.
/// </remarks>
public static class KeyLayout
{
    public const int NodeMax = 64;
    public const long IncarnationMax = (1L << 36) - 1;
    public const int PathMax = 15;
    public const int VolumeNumberMax = 4095;
    public const long AttemptMax = (1L << 28) - 1;
    public const int TagMax = 0xFFFF;

    private const ulong CoordinatorBit = 1UL << 47;

    /// <summary>The key of one life of a node's data path.</summary>
    public static ReservationKey DataKey(int tag, NodeId node, long incarnation, int path = 0)
    {
        Check(incarnation is > 0 and <= IncarnationMax, $"incarnation {incarnation}");
        Check(path is >= 0 and <= PathMax, $"path {path}");
        return new ReservationKey(Prefix(tag, node) | ((ulong)incarnation << 4) | (uint)path);
    }

    /// <summary>The key of one coordinator process, used once.</summary>
    public static ReservationKey CoordinatorKey(int tag, NodeId node, int volumeNumber, long attempt)
    {
        Check(volumeNumber is > 0 and <= VolumeNumberMax, $"volume number {volumeNumber}");
        Check(attempt is > 0 and <= AttemptMax, $"attempt {attempt}");
        return new ReservationKey(Prefix(tag, node) | CoordinatorBit | ((ulong)volumeNumber << 28) | (ulong)attempt);
    }

    public static bool IsCoordinator(ReservationKey key) => (key.Value & CoordinatorBit) != 0;

    public static int Tag(ReservationKey key) => (int)(key.Value >> 48);

    public static NodeId Node(ReservationKey key) => new((int)((key.Value >> 40) & 0x7F));

    /// <summary>Of a data key.</summary>
    public static long Incarnation(ReservationKey key) => (long)((key.Value >> 4) & (ulong)IncarnationMax);

    /// <summary>Of a data key.</summary>
    public static int Path(ReservationKey key) => (int)(key.Value & PathMax);

    /// <summary>Of a coordinator key.</summary>
    public static long Attempt(ReservationKey key) => (long)(key.Value & (ulong)AttemptMax);

    /// <summary>Of a coordinator key.</summary>
    public static int VolumeNumber(ReservationKey key) => (int)((key.Value >> 28) & VolumeNumberMax);

    /// <summary>The key belongs to the data path of this node, in any incarnation and on any path.</summary>
    public static bool IsDataKeyOf(ReservationKey key, int tag, NodeId node) =>
        !IsCoordinator(key) && Tag(key) == tag && Node(key) == node;

    /// <summary>For people: which cluster, what, of whom, which life.</summary>
    public static string Describe(ReservationKey key) => IsCoordinator(key)
        ? $"coordinator of volume {VolumeNumber(key)} on {Node(key)}, attempt {Attempt(key)} (cluster {Tag(key):x4})"
        : $"data path {Path(key)} of {Node(key)}, incarnation {Incarnation(key)} (cluster {Tag(key):x4})";

    private static ulong Prefix(int tag, NodeId node)
    {
        Check(tag is > 0 and <= TagMax, $"cluster tag {tag}");
        Check(node.Value is > 0 and <= NodeMax, $"node number {node.Value}");
        return ((ulong)tag << 48) | ((ulong)node.Value << 40);
    }

    private static void Check(bool fits, string what) => Invariant.Holds(fits, $"A reservation key cannot hold {what}.");
}
