using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Units;

namespace Covol.VolumeClient;

/// <summary>What one node's view of one volume needs to know. The time limits are the administrator's.</summary>
/// <param name="Volume">Name for messages.</param>
/// <param name="Node">This node.</param>
/// <param name="MountId">Kept by the holder; the same for all lives of a mount process on one FUSE mount.</param>
/// <param name="DataKey">The registered key of the first incarnation of the data path.</param>
public sealed record VolumeClientSettings(string Volume, NodeId Node, Guid MountId, ReservationKey DataKey)
{
    /// <summary>Slots asked for; the coordinator says how many there are.</summary>
    public int SlotCount { get; init; } = 256;

    /// <summary>How long a request waits for a coordinator before it fails as <c>IoFailed</c> (I9).</summary>
    public TimeSpan IoWaitLimit { get; init; } = TimeSpan.FromSeconds(60);

    public TimeSpan RenewEvery { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Files and names whose attributes are kept at once; then all are let go and it begins anew. Zero: none are kept.</summary>
    public int AttributesMax { get; init; } = 32_768;

    public TimeSpan ConnectLimit { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan BackoffMin { get; init; } = TimeSpan.FromMilliseconds(20);

    public TimeSpan BackoffMax { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A file's layout is asked for at most this often, because its valid length grew or its access must widen.</summary>
    public TimeSpan LayoutAgainEvery { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Places that were not told, or were holes, are asked for at most this often for a file. I/O inside its layout goes on meanwhile, so this
    /// only bounds what the coordinator has to answer.
    /// </summary>
    public TimeSpan LayoutWiderEvery { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>The most places of one file that are kept, of 24 bytes each. One more, and only those that were told last are.</summary>
    public int PlacesMax { get; init; } = 262_144;

    /// <summary>So many places of a file are given back to a new coordinator, for it to compare; what else was known is asked for again.</summary>
    public int ReclaimedPlacesMax { get; init; } = Layout.ExtentsMax;

    /// <summary>
    /// Smallest unit of direct I/O on the LUN as this node sees it, in bytes. Another node may see it with smaller blocks, and the coordinator
    /// tells what it sees itself: the larger one of both counts here.
    /// </summary>
    public int LunBlockSize { get; init; } = 1;

    /// <summary>Smaller files are served redirected: a layout costs two requests, which they never earn back.</summary>
    public ByteCount LayoutFrom { get; init; } = ByteCount.FromKibibytes(64);

    /// <summary>
    /// So many redirected writes that make a file longer one after the other, and room behind its end is asked for: to give that and to take
    /// it back costs more than a few writes.
    /// </summary>
    public int TailAfterWrites { get; init; } = 3;

    /// <summary>
    /// A write at a file's end waits so long for room that is being asked for, rather than end it by going through the coordinator. There it
    /// may have to wait again, so this is short.
    /// </summary>
    public TimeSpan RoomWait { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>For tests that show what a guard is for: without it what a handle of an ended session asked for is carried out in the next.</summary>
    internal bool BindsHandles { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a direct write that failed lands over what was written after it.</summary>
    internal bool FencesLateWrites { get; init; } = true;

    /// <summary>For tests that show what a guard is for: without it a fsync is answered while the coordinator does not know what it covers.</summary>
    internal bool TellsTails { get; init; } = true;

    /// <summary>First handle number. Handles are never used twice within a mount id, so each life of a process gets a range.</summary>
    public long FirstHandle { get; init; } = 1;
}
