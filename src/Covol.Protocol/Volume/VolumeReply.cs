using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Leases;
using Covol.Protocol.Locks;
using Covol.Protocol.Units;

namespace Covol.Protocol.Volume;

/// <summary>What the coordinator answers. The set is closed.</summary>
public abstract record VolumeReply
{
    private protected VolumeReply()
    {
    }

    /// <summary>
    /// Attributes of files that the request named and changed, as they are after it, directories above all: the session may keep them, as
    /// with <see cref="AttributeLeases.Attributes"/>.
    /// </summary>
    public IReadOnlyList<InodeAttributes> Changed { get; init; } = [];
}

/// <summary>Nothing was done.</summary>
/// <param name="Error">What the caller can act on.</param>
/// <param name="Detail">A sentence for logs.</param>
public sealed record Refused(VolumeError Error, string Detail) : VolumeReply;

public sealed record Done : VolumeReply
{
    public static Done Instance { get; } = new();
}

/// <summary>A session is there.</summary>
/// <param name="Session">Its id.</param>
/// <param name="SlotCount">Slots 0 to SlotCount-1 are for requests.</param>
/// <param name="ReservedSlotCount">Slots from SlotCount on are for returns, renewals, unlocks and closes, so that a recall is answered
/// even while all others wait (SAFETY 22).</param>
/// <param name="LayoutLease">How long layouts live after a renewal was sent.</param>
/// <param name="BlockSize">The LUN's block size: alignment of direct writes.</param>
/// <param name="ClusterSize">The volume's allocation unit.</param>
/// <param name="InGrace">Reclaim now.</param>
public sealed record SessionOpened(
    SessionId Session,
    int SlotCount,
    int ReservedSlotCount,
    TimeSpan LayoutLease,
    int BlockSize,
    int ClusterSize,
    bool InGrace) : VolumeReply
{
    /// <summary>How long attributes and names may be shown after a renewal was sent; zero: never.</summary>
    public TimeSpan AttributeLease { get; init; }
}

/// <summary>The file's attributes when the request was carried out.</summary>
public sealed record Entry(InodeAttributes Attributes) : VolumeReply
{
    /// <summary>What of it the session may keep, until it is recalled or the lease ends.</summary>
    public AttributeLeases Leases { get; init; }
}

public sealed record LinkTarget(string Target) : VolumeReply;

/// <summary>Some of a directory's names. Empty and <paramref name="IsLast"/> when there are no more.</summary>
/// <param name="Entries">In ordinal order.</param>
/// <param name="IsLast">No name follows.</param>
/// <param name="Parent">What ".." is: the directory itself for the root and for one that was removed.</param>
public sealed record DirectoryPage(IReadOnlyList<DirectoryEntry> Entries, bool IsLast, FileReference Parent) : VolumeReply;

/// <summary>For <c>statfs</c>.</summary>
public sealed record VolumeSpace(ByteCount Total, ByteCount Free, int ClusterSize, long FreeInodes, long TotalInodes) : VolumeReply;

public sealed record ExtendedAttributeValue(ReadOnlyMemory<byte> Value) : VolumeReply;

public sealed record ExtendedAttributeNames(IReadOnlyList<string> Names) : VolumeReply;

/// <summary>Where data or a hole begins; null: nowhere from there on (ENXIO).</summary>
public sealed record DataFound(FileByteOffset? Offset) : VolumeReply;

/// <summary>
/// A long <see cref="Allocate"/> was carried out up to here, stable as far as it promises that; the rest is asked for as a request of its
/// own, so that others get their turns in between.
/// </summary>
/// <param name="UpTo">Behind the beginning of the range, before its end.</param>
public sealed record Allocated(FileByteOffset UpTo) : VolumeReply;

/// <summary>The bytes follow as data.</summary>
public sealed record DataRead(int Length) : VolumeReply;

/// <summary>All bytes were written.</summary>
/// <param name="Offset">Where; of interest after an append.</param>
/// <param name="Size">The file's size then.</param>
public sealed record DataWritten(FileByteOffset Offset, ByteCount Size) : VolumeReply;

/// <summary>A null layout: send reads and writes of this file here, and ask again after <paramref name="AskAgainAfter"/>.</summary>
public sealed record LayoutGranted(Layout? Layout, TimeSpan AskAgainAfter) : VolumeReply;

/// <summary>Null: nothing stands in the way.</summary>
public sealed record LockTested(HeldLock? Conflict) : VolumeReply;

/// <summary>The lock is waited for; a <see cref="LockResolved"/> with this ticket follows.</summary>
public sealed record LockQueued(long Ticket) : VolumeReply;
