using Covol.Protocol.Files;
using Covol.Protocol.Ids;
using Covol.Protocol.Layouts;
using Covol.Protocol.Locks;
using Covol.Protocol.Units;

namespace Covol.Protocol.Volume;

/// <summary>
/// What a client asks of a volume's coordinator. Each is carried out exactly once under its <see cref="RequestId"/> and
/// answered by the reply named in its comment or by <see cref="Refused"/>. The set is closed: a switch over it names all.
/// </summary>
public abstract record VolumeRequest
{
    private protected VolumeRequest()
    {
    }

    /// <summary>
    /// Existing files whose attributes, or names inside, this changes, as far as it names them. While it is under way its session keeps
    /// nothing of them (see <see cref="Leases.AttributeLeaseMachine"/>).
    /// </summary>
    public IReadOnlyList<FileId> Changes => this switch
    {
        SetAttributes it => [it.File],
        Create { Name.Length: 0 } => [],
        Create it => [it.Directory],
        Link it => [it.File, it.Directory],
        Unlink it => it.Known is { } known ? [it.Directory, known] : [it.Directory],
        Rename it => [it.FromDirectory, it.ToDirectory],
        SetExtendedAttribute it => [it.File],
        RemoveExtendedAttribute it => [it.File],
        Open it => [it.File],
        SetSize it => [it.File],
        Allocate it => [it.File],
        _ => [],
    };
}

// ---- Sessions -------------------------------------------------------------------------------------------------------------

/// <summary>
/// First request of a connection (slot 0, sequence 0, session 0). Without <paramref name="Resume"/> a new session begins; with
/// it an existing one goes on over a new connection, after a takeover too. Answer: <see cref="SessionOpened"/>.
/// </summary>
/// <param name="Node">Who asks; must equal the node that the connection's certificate names.</param>
/// <param name="MountId">Kept by the holder; the same for all lives of a mount process on one FUSE mount (SAFETY 20).</param>
/// <param name="DataKey">The key under which the mount process writes the LUN; its incarnation.</param>
/// <param name="SlotCount">Slots wanted; the answer says how many there are.</param>
/// <param name="Resume">The session to go on with.</param>
public sealed record OpenSession(NodeId Node, Guid MountId, ReservationKey DataKey, int SlotCount, SessionId? Resume) : VolumeRequest
{
    /// <summary>
    /// It keeps attributes and names for as long as its lease of them runs, and answers <see cref="RecallAttributes"/>. It keeps none
    /// when it asks this.
    /// </summary>
    public bool TakesAttributeLeases { get; init; }
}

/// <summary>
/// Keeps all layouts of the session, and attributes it may show, alive for one more lease, counted from when this was sent. Answer:
/// <see cref="Done"/>.
/// </summary>
public sealed record RenewLease : VolumeRequest;

/// <summary>Ends the session: its handles, locks and layouts are gone. Answer: <see cref="Done"/>.</summary>
public sealed record CloseSession : VolumeRequest;

/// <summary>
/// In grace: this handle was open, with these locks and this layout. What does not fit follows in further requests, which add their
/// locks. Answer: <see cref="Done"/>, or <see cref="Refused"/> with <see cref="VolumeError.ReclaimRefused"/> (SAFETY 21).
/// </summary>
public sealed record ReclaimHandle(
    FileId File, HandleId Handle, OpenAccess Access, IReadOnlyList<HeldLock> Locks, Layout? Layout) : VolumeRequest;

/// <summary>In grace: this session has reclaimed all it had. Answer: <see cref="Done"/>.</summary>
public sealed record ReclaimComplete : VolumeRequest;

// ---- Names ----------------------------------------------------------------------------------------------------------------

/// <summary>Answer: <see cref="Entry"/>.</summary>
public sealed record Lookup(FileId Directory, string Name) : VolumeRequest;

/// <summary>The session keeps nothing any more of what the recall named. Has a reserved slot. Answer: <see cref="Done"/>.</summary>
public sealed record ReturnAttributes(long Recall) : VolumeRequest;

/// <summary>
/// The session keeps no attributes and no names any more, and none of an answer that comes before this one's. Has a reserved slot. Answer:
/// <see cref="Done"/>.
/// </summary>
public sealed record ReturnAllAttributes : VolumeRequest;

/// <summary>Attributes of the root directory, whose birth stamp a client does not know yet. Answer: <see cref="Entry"/>.</summary>
public sealed record GetRoot : VolumeRequest;

/// <summary>Answer: <see cref="Entry"/>.</summary>
public sealed record GetAttributes(FileId File) : VolumeRequest;

/// <summary>Answer: <see cref="Entry"/>.</summary>
public sealed record SetAttributes(FileId File, AttributeChange Change) : VolumeRequest;

/// <summary>Answer: <see cref="Entry"/>. With <paramref name="Handle"/> the new file is open at once (<c>open(O_CREAT)</c>).</summary>
/// <param name="Directory">Where.</param>
/// <param name="Name">Under which name. Empty: a regular file without a name (O_TMPFILE), only with a handle; a <see cref="Link"/> may
/// give it one.</param>
/// <param name="Inode">What; in a set-group-id directory the group, and for directories the bit, are the directory's.</param>
/// <param name="Handle">Open it under this handle.</param>
/// <param name="OpenExisting">A regular file that exists already is opened instead (no O_EXCL); only with a handle.</param>
/// <param name="Truncate">... and cut to nothing first (O_TRUNC).</param>
public sealed record Create(
    FileId Directory, string Name, NewInode Inode, HandleId? Handle, bool OpenExisting, bool Truncate) : VolumeRequest;

/// <summary>A further name for a file. Answer: <see cref="Entry"/>.</summary>
public sealed record Link(FileId File, FileId Directory, string Name) : VolumeRequest;

/// <summary><c>unlink</c>, or <c>rmdir</c> where <paramref name="IsDirectory"/>. Answer: <see cref="Done"/>.</summary>
public sealed record Unlink(FileId Directory, string Name, bool IsDirectory) : VolumeRequest
{
    /// <summary>What the asker knows the name to lead to, where it may keep that; it keeps nothing of it from here on.</summary>
    public FileId? Known { get; init; }
}

/// <summary>Answer: <see cref="Done"/>.</summary>
public sealed record Rename(FileId FromDirectory, string FromName, FileId ToDirectory, string ToName, RenameMode Mode) : VolumeRequest;

/// <summary>Answer: <see cref="LinkTarget"/>.</summary>
public sealed record ReadLink(FileId File) : VolumeRequest;

/// <summary>
/// The names of a directory in ordinal order, from the first one after <paramref name="After"/>; "." and ".." are not among
/// them. Resuming by name stays right while others change the directory: what is there all the time is listed once. Without
/// <paramref name="After"/> the listing is made anew. Answer: <see cref="DirectoryPage"/>.
/// </summary>
/// <param name="Directory">Which.</param>
/// <param name="After">The last name that was seen; null at the beginning.</param>
/// <param name="WithAttributes">Entries carry their attributes, as lookups of them would, where they may be kept.</param>
public sealed record ListDirectory(FileId Directory, string? After, bool WithAttributes = false) : VolumeRequest;

/// <summary>Answer: <see cref="VolumeSpace"/>.</summary>
public sealed record GetSpace : VolumeRequest;

/// <summary>Answer: <see cref="ExtendedAttributeValue"/>.</summary>
public sealed record GetExtendedAttribute(FileId File, string Name) : VolumeRequest;

/// <summary>Answer: <see cref="Done"/>.</summary>
public sealed record SetExtendedAttribute(
    FileId File, string Name, ReadOnlyMemory<byte> Value, bool MustExist, bool MustNotExist) : VolumeRequest;

/// <summary>Answer: <see cref="ExtendedAttributeNames"/>.</summary>
public sealed record ListExtendedAttributes(FileId File) : VolumeRequest;

/// <summary>Answer: <see cref="Done"/>.</summary>
public sealed record RemoveExtendedAttribute(FileId File, string Name) : VolumeRequest;

// ---- Handles and data -----------------------------------------------------------------------------------------------------

/// <summary>Answer: <see cref="Entry"/>. Opens are counted, so that an unlinked file lives until its last close on any node.</summary>
public sealed record Open(FileId File, HandleId Handle, OpenAccess Access, bool Truncate) : VolumeRequest;

/// <summary>Releases the handle and every lock taken through it (SAFETY 24). Answer: <see cref="Done"/>.</summary>
public sealed record Close(HandleId Handle) : VolumeRequest;

/// <summary>
/// File-system redirected read; the bytes follow the answer as data, fewer than asked only at the end of the file.
/// Answer: <see cref="DataRead"/>.
/// </summary>
public sealed record ReadData(FileId File, FileByteOffset Offset, int Length) : VolumeRequest;

/// <summary>
/// File-system redirected write of the data that follows: extends the file, fills what lies before valid length, and changes
/// partial blocks. Answer: <see cref="DataWritten"/>.
/// </summary>
/// <param name="File">Whose data.</param>
/// <param name="Offset">Where; ignored when <paramref name="Append"/>.</param>
/// <param name="Append">At the end, wherever that is when it is carried out (SAFETY 11).</param>
/// <param name="ClearSetId">Set-user-id and set-group-id bits go (FUSE_WRITE_KILL_SUIDGID).</param>
public sealed record WriteData(FileId File, FileByteOffset Offset, bool Append, bool ClearSetId) : VolumeRequest;

/// <summary>Changes the size; shrinking recalls every layout of the file first. Answer: <see cref="Entry"/>.</summary>
public sealed record SetSize(FileId File, ByteCount Size) : VolumeRequest;

/// <summary><c>fallocate</c>. Answer: <see cref="Done"/>, or <see cref="Allocated"/> where the range is long.</summary>
public sealed record Allocate(FileId File, AllocationMode Mode, FileByteOffset Offset, ByteCount Length) : VolumeRequest;

/// <summary>
/// Makes everything acknowledged so far stable: tail, size and times are committed, then the LUN's cache is flushed. The
/// client's own direct writes are complete before it asks (SAFETY 19). Answer: <see cref="Done"/>.
/// </summary>
/// <param name="File">Which file or directory.</param>
/// <param name="WroteDirectly">The session wrote inside its layout since it last said so: modification time becomes now.</param>
public sealed record Synchronize(FileId File, bool WroteDirectly) : VolumeRequest;

/// <summary>The session wrote inside its layout: modification time becomes now. Not stable when answered. Answer: <see cref="Done"/>.</summary>
public sealed record NoteDirectWrites(FileId File) : VolumeRequest;

/// <summary>
/// A flush of the LUN failed at this node, so its cache may have thrown away what anybody wrote (SAFETY 19). Has a reserved slot. Answer:
/// <see cref="Done"/>, when everybody whose writes may be lost is going to hear of it, over a takeover too.
/// </summary>
/// <param name="File">Whose writes the flush was for.</param>
public sealed record NoteFailedFlush(FileId File) : VolumeRequest;

/// <summary>
/// The first position from <paramref name="Offset"/> on that holds data, or that is in a hole (the end counts as one). What lies past
/// valid length is a hole. Answer: <see cref="DataFound"/>.
/// </summary>
public sealed record FindData(FileId File, FileByteOffset Offset, bool Hole) : VolumeRequest;

// ---- Layouts --------------------------------------------------------------------------------------------------------------

/// <summary>
/// Asks for the whole file's valid data. Answer: <see cref="LayoutGranted"/>, whose layout is null where the file is served
/// redirected for now.
/// </summary>
/// <param name="File">Whose.</param>
/// <param name="Access">What for.</param>
/// <param name="WithTail">Also room behind valid length, where the node may write first (SAFETY 13); given where nobody else has it.</param>
/// <param name="Extends">
/// The session has this grant and wants it longer: with a tail more room, without one places that it does not know, of what was a hole when
/// it was given, or of a file in very many pieces. The answer is the same grant with other extents; without a layout it stays as it is.
/// </param>
/// <param name="From">Of a file in more pieces than an answer holds, those around this byte are told.</param>
public sealed record GetLayout(
    FileId File, LayoutAccess Access, bool WithTail = false, LayoutGeneration? Extends = null, FileByteOffset From = default) : VolumeRequest;

/// <summary>The session's I/O inside this layout has ended and no more will start. Has a reserved slot. Answer: <see cref="Done"/>.</summary>
public sealed record ReturnLayout(FileId File, LayoutGeneration Generation) : VolumeRequest;

/// <summary>
/// What was written in a layout's tail is to become valid: what lies between the ranges becomes zero, the LUN is flushed, valid length
/// and size are committed, in this order (SAFETY 12). Has a reserved slot. No write inside the tail is in flight while it is asked.
/// The same ranges may be told again. Answer: <see cref="Done"/>; refused with <see cref="VolumeError.Stale"/> or
/// <see cref="VolumeError.IoFailed"/> what was written is lost, and nothing of it will ever be seen.
/// </summary>
/// <param name="File">Whose tail.</param>
/// <param name="Generation">The grant it came with.</param>
/// <param name="Written">Whole blocks, sorted, not touching valid length's own block unless valid length ends on a block.</param>
/// <param name="Ticket">Of the <see cref="ReportTail"/> that this answers; 0 without one.</param>
/// <param name="IsLast">The session writes there no more, and the tail ends with this.</param>
public sealed record CommitLayout(
    FileId File, LayoutGeneration Generation, IReadOnlyList<WrittenRange> Written, long Ticket, bool IsLast) : VolumeRequest;

/// <summary>
/// A direct write of this node failed and may still land, because the LUN cannot say that it is over: the key under which it was
/// submitted is to be fenced. Has a reserved slot. Answer: <see cref="Done"/>, when it is preempted and drained and READ KEYS shows it no
/// more, so that nothing submitted under it lands from now on (SAFETY 1, 3, 9).
/// </summary>
/// <param name="DataKey">A data key of the session's node.</param>
public sealed record FenceKey(ReservationKey DataKey) : VolumeRequest;

// ---- Locks ----------------------------------------------------------------------------------------------------------------

/// <summary>Which lock would stand in the way (<c>F_GETLK</c>). Answer: <see cref="LockTested"/>.</summary>
public sealed record TestLock(FileId File, HandleId Handle, LockOwner Owner, LockKind Kind, LockMode Mode, LockRange Range) : VolumeRequest;

/// <summary>
/// Takes, changes or drops a lock. With <paramref name="Wait"/> a conflict is answered <see cref="LockQueued"/> and granted
/// later by <see cref="LockResolved"/> with the same ticket. Answer: <see cref="Done"/> or <see cref="LockQueued"/>.
/// </summary>
public sealed record SetLock(
    FileId File,
    HandleId Handle,
    LockOwner Owner,
    int ProcessId,
    LockKind Kind,
    LockMode Mode,
    LockRange Range,
    bool Wait) : VolumeRequest;

/// <summary>
/// Takes a waiter out of the queue (a signal came). Answer: <see cref="Done"/>; the lock may have been granted just before, which
/// its <see cref="LockResolved"/> tells.
/// </summary>
public sealed record CancelLock(FileId File, long Ticket) : VolumeRequest;

/// <summary>Drops all range locks of an owner on a file (FUSE FLUSH at each close). Answer: <see cref="Done"/>.</summary>
public sealed record ReleaseOwner(FileId File, LockOwner Owner) : VolumeRequest;
