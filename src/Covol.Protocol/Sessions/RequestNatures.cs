using Covol.Protocol.Volume;

namespace Covol.Protocol.Sessions;

/// <summary>The one table of which request must not happen twice, and which has a reserved slot.</summary>
public static class RequestNatures
{
    /// <summary>
    /// A <see cref="WriteData"/> that does not append is <see cref="RequestNature.Once"/> here; when the coordinator finds that it
    /// extends the file, it journals the answer with the new size all the same (SAFETY 11).
    /// </summary>
    public static RequestNature Of(VolumeRequest request) => request switch
    {
        OpenSession or CloseSession => RequestNature.Once, // exactly once by the session itself
        RenewLease or ReclaimComplete => RequestNature.Repeatable,
        ReclaimHandle => RequestNature.Once,

        Lookup or GetRoot or GetAttributes or ReadLink or ListDirectory or GetSpace => RequestNature.Repeatable,
        GetExtendedAttribute or ListExtendedAttributes => RequestNature.Repeatable,
        SetAttributes or Create or Link or Unlink or Rename => RequestNature.OnceJournalled,
        SetExtendedAttribute or RemoveExtendedAttribute => RequestNature.OnceJournalled,

        Open { Truncate: true } => RequestNature.OnceJournalled,
        Open or Close => RequestNature.Once,
        ReadData or FindData => RequestNature.Repeatable,
        WriteData { Append: true } => RequestNature.OnceJournalled,
        WriteData => RequestNature.Once,
        SetSize or Allocate => RequestNature.OnceJournalled,
        Synchronize or NoteDirectWrites => RequestNature.Repeatable,

        GetLayout => RequestNature.Once,
        ReturnLayout => RequestNature.Repeatable,

        TestLock => RequestNature.Repeatable,
        SetLock or CancelLock or ReleaseOwner => RequestNature.Once,
        _ => throw new InvariantBrokenException($"{request.GetType().Name} is missing in the table of request natures."),
    };

    /// <summary>
    /// Gives something back or keeps it alive: may use a reserved slot, so that it comes through while all others wait (SAFETY 22).
    /// </summary>
    public static bool MayUseReservedSlot(VolumeRequest request) => request
        is RenewLease or ReturnLayout or Close or CancelLock or ReleaseOwner or CloseSession or ReclaimHandle or ReclaimComplete
        or SetLock { Mode: Locks.LockMode.Unlock };
}
