using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Units;

namespace Covol.Ntfs;

/// <summary>
/// One mounted NTFS volume with its redo journal. All calls are made on the volume's metadata thread. Changes gather in the overlay
/// (later calls see them) and become stable, all or none, with the next <see cref="Commit"/>. Refusals are
/// <see cref="Protocol.Volume.VolumeException"/> and leave the volume as it was; any other exception means the overlay is not to
/// be trusted: the process ends and recovery begins from the journal.
/// </summary>
/// <remarks>
/// File data: non-resident data never passes through here. The caller writes it to the LUN itself, between
/// <see cref="Extend"/> + <see cref="Commit"/> (clusters are this file's, stable) and <see cref="SetValidLength"/> (the data is on the
/// LUN and flushed).
/// </remarks>
public interface INtfsVolume : INtfsNames, IDisposable
{
    int ClusterSize { get; }

    FileId Root { get; }

    InodeAttributes? Lookup(FileId directory, string name);

    /// <summary>Throws Stale for a file that is not there any more.</summary>
    InodeAttributes GetAttributes(FileId file);

    InodeAttributes SetAttributes(FileId file, AttributeChange change);

    /// <summary>Throws Exists when the name is taken, InvalidName, NameTooLong, NoSpace, NotDirectory, Stale.</summary>
    InodeAttributes Create(FileId directory, string name, NewInode inode);

    InodeAttributes Link(FileId file, FileId directory, string name);

    /// <summary>
    /// Takes a name away. Where it was the last, the inode moves into the hidden orphan folder in the same step and is returned: it
    /// lives there until <see cref="PurgeOrphanStep"/>. Otherwise null.
    /// </summary>
    FileId? Unlink(FileId directory, string name, bool isDirectory);

    /// <summary>
    /// Moves or exchanges a name; a file that was replaced and lost its last name is orphaned and returned. Refuses to put a
    /// directory below itself (InvalidArgument): this is the check across nodes of SAFETY 25.
    /// </summary>
    FileId? Rename(FileId fromDirectory, string fromName, FileId toDirectory, string toName, RenameMode mode);

    string ReadLink(FileId file);

    /// <summary>All names, in ordinal order; NTFS's own and Covol's files are not among them.</summary>
    IReadOnlyList<DirectoryEntry> List(FileId directory);

    FileMap Map(FileId file);

    /// <summary>
    /// Makes the data size at least <paramref name="size"/> and allocates all of it, without changing valid length and without
    /// writing data. Data that was resident moves to clusters of its own first (through the overlay). NoSpace leaves the file as it was.
    /// Where the journal has no room for all of it at once, the file comes back shorter: commit and ask again.
    /// </summary>
    FileMap Extend(FileId file, ByteCount size);

    /// <summary>
    /// Allocates clusters behind the data size, up to <paramref name="length"/> in all, for growth that is expected; the size
    /// stays.
    /// Takes what can be had cheaply, down to nothing, and is never refused for want of room. <see cref="SetValidLength"/>
    /// makes them part of the file.
    /// </summary>
    FileMap Preallocate(FileId file, ByteCount length);

    /// <summary>
    /// Gives back clusters behind the data size; a bounded number at once. The caller has seen to it that nobody writes there.
    /// </summary>
    FileMap TrimStep(FileId file);

    /// <summary>
    /// Cuts the file by at most a bounded number of clusters towards <paramref name="size"/>; false: call again (after a commit).
    /// The caller has recalled every layout over it and, for the clusters, waited out leases of fenced nodes.
    /// </summary>
    bool ShrinkStep(FileId file, ByteCount size);

    /// <summary>
    /// Raises valid length (never lowers it), and the data size with it where that is smaller and the clusters are there. The
    /// bytes below
    /// it are on the LUN and flushed already.
    /// </summary>
    void SetValidLength(FileId file, ByteCount validLength, FileTime modified);

    byte[]? GetExtendedAttribute(FileId file, string name);

    void SetExtendedAttribute(FileId file, string name, ReadOnlySpan<byte> value, bool mustExist, bool mustNotExist);

    IReadOnlyList<string> ListExtendedAttributes(FileId file);

    void RemoveExtendedAttribute(FileId file, string name);

    /// <summary>Inodes without a name, from before a crash too.</summary>
    IReadOnlyList<FileId> Orphans();

    /// <summary>Frees some of an orphan; true when it is gone.</summary>
    bool PurgeOrphanStep(FileId orphan);

    (ByteCount Total, ByteCount Free, long FreeInodes, long TotalInodes) GetSpace();

    /// <summary>
    /// Whether any one more change fits the next commit. Asked before each change of a group: where it is false, commit first.
    /// A change that
    /// does not fit throws <see cref="GroupFullException"/> and leaves the volume as it was.
    /// </summary>
    bool HasRoomForChange { get; }

    /// <summary>
    /// One checksummed, chained journal record with all changes since the last one and the caller's own state change (slot
    /// answers, sessions), made stable. What it changed is put in its place later. Empty changes and an empty state cost nothing.
    /// </summary>
    void Commit(ReadOnlySpan<byte> callerState);

    /// <summary>
    /// Between commits: puts some of what was committed in its place on the LUN, where much waits or the lap ends soon. Holds the thread a few
    /// milliseconds. True: much is left, and a <see cref="Checkpoint"/>, which puts all of it there, would take longer than that.
    /// </summary>
    bool WriteBackStep();

    /// <summary>
    /// True when the journal could write older content over one of these places, after a crash or because what was committed is not in its place
    /// yet: <see cref="Checkpoint"/> before granting them or writing there (SAFETY 15).
    /// </summary>
    bool MustCheckpointBefore(IReadOnlyList<FileExtent> grant);

    /// <summary>
    /// Puts all that was committed in its place, flushes, and begins a new lap of the journal, whose first record is <paramref name="callerState"/>:
    /// the caller's whole state (SAFETY 16). Nothing may be uncommitted.
    /// </summary>
    void Checkpoint(ReadOnlySpan<byte> callerState);

    /// <summary>The share of the journal's lap in use, 0 to 1. The caller makes a checkpoint in time (its whole state is needed).</summary>
    double JournalUse { get; }
}
