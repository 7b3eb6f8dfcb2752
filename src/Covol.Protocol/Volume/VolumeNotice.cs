using Covol.Protocol.Ids;

namespace Covol.Protocol.Volume;

/// <summary>What the coordinator tells a session without being asked. The set is closed.</summary>
public abstract record VolumeNotice
{
    private protected VolumeNotice()
    {
    }
}

/// <summary>
/// Start no more I/O inside this layout, wait for what is in flight, then send <see cref="ReturnLayout"/>. A session that does not
/// within the recall deadline is key-fenced. Sent again until answered; a client that does not have it answers all the same.
/// </summary>
public sealed record RecallLayout(FileId File, LayoutGeneration Generation) : VolumeNotice;

/// <summary>
/// Somebody looks at the file: tell with <see cref="CommitLayout"/>, under this ticket, what was written in the tail until now. With
/// <paramref name="IsLast"/> somebody changes it: write there no more, give the layout back and tell for the last time. Sent again until
/// answered; a client that does not know the tail answers all the same, with nothing written and for the last time.
/// </summary>
public sealed record ReportTail(FileId File, LayoutGeneration Generation, long Ticket, bool IsLast) : VolumeNotice;

/// <summary>
/// Something of these files is to be changed: show no attributes and names of them that are kept, then send
/// <see cref="ReturnAttributes"/>. Said once over each connection, before anything that is answered later over it.
/// </summary>
public sealed record RecallAttributes(long Recall, IReadOnlyList<FileId> Files) : VolumeNotice;

/// <summary>A queued lock was granted (<paramref name="Error"/> null) or given up.</summary>
public sealed record LockResolved(FileId File, long Ticket, VolumeError? Error) : VolumeNotice;

/// <summary>The session ended here (evicted). Its handles answer <see cref="VolumeError.NoSuchHandle"/> from now on.</summary>
public sealed record SessionEnded(string Reason) : VolumeNotice;
